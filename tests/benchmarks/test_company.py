"""Other work is told apart from ours."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import process_time

import pytest

from benchmarks import company
from benchmarks.company import STAT

needs_proc = pytest.mark.skipif(not STAT.exists(), reason="needs Linux, which tells")
WORK = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass"


def cores_taken(words: list[str]) -> float:
    (word,) = words
    found = re.fullmatch(r"Meanwhile other work took (\d+\.\d) of \d+ cores\.", word)
    assert found
    return float(found[1])


@contextmanager
def frozen(monkeypatch: pytest.MonkeyPatch, busy: list[float], own: list[float], wall: list[float]) -> Iterator[None]:
    monkeypatch.setattr(company, "_busy_s", lambda: busy.pop(0))
    monkeypatch.setattr(company, "_own_s", lambda: own.pop(0))
    monkeypatch.setattr(company, "perf_counter", lambda: wall.pop(0))
    yield


@needs_proc
@pytest.mark.parametrize(("busy", "own", "cores"), [(16.0, 8.0, 0.8), (8.0, 9.0, 0.0), (20.0, 5.0, 1.5)])
def test_what_is_not_ours_is_others(monkeypatch: pytest.MonkeyPatch, busy: float, own: float, cores: float) -> None:
    with frozen(monkeypatch, [100.0, 100.0 + busy], [1.0, 1.0 + own], [5.0, 15.0]), company.company() as words:
        assert not words
    assert cores_taken(words) == cores


@needs_proc
def test_the_kernel_counts_our_work_and_our_childrens() -> None:
    busy, own = company._busy_s(), company._own_s()
    began = process_time()
    while process_time() < began + 0.3:
        pass
    subprocess.run([sys.executable, "-S", "-c", WORK], check=True)
    assert company._own_s() - own >= 0.55
    assert company._busy_s() - busy >= 0.5


def test_where_the_system_does_not_tell_nothing_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(company, "STAT", tmp_path / "nothing")
    with company.company() as words:
        pass
    assert words == []
