"""Who gets a second thread: whoever has a core for it, unless it is slower with one."""

from pathlib import Path

import pytest

from model.engine import second_thread
from model.engine.cores import cores
from model.engine.native.engine import NativeEngine
from model.engine.native.library import NativeUnavailable, library
from model.engine.second_thread import take_second_thread
from tests.model.random_networks import random_network


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second_thread, "CAN_GIVE_WAY", True)
    monkeypatch.setattr(second_thread, "cores", lambda: 2.0)


@pytest.fixture
def engine() -> NativeEngine:
    try:
        library()
    except NativeUnavailable as error:
        pytest.skip(str(error))
    return NativeEngine(random_network())


@pytest.mark.parametrize(("alone", "paired", "wanted"), [(1.0, 0.5, 2), (1.0, 1.0, 2), (1.0, 1.2, 1)])
def test_unless_it_is_slower(engine: NativeEngine, alone: float, paired: float, wanted: int) -> None:
    found = take_second_thread(engine, lambda _: alone if engine.threads == 1 else paired)
    assert engine.threads == wanted
    assert found == (alone if wanted == 1 else paired)


def test_what_was_slow_only_at_first_is_not_slow(engine: NativeEngine) -> None:
    found = iter([9.0, 9.0, 1.0, 1.2])
    take_second_thread(engine, lambda _: next(found))
    assert engine.threads == 1


@pytest.mark.parametrize(("name", "value"), [("cores", lambda: 1.5), ("CAN_GIVE_WAY", False)])
def test_nobody_where_there_is_one_core_or_others_would_suffer(
    engine: NativeEngine, name: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(second_thread, name, value)
    tried = list[int]()

    def measure(_: object) -> float:
        tried.append(engine.threads)
        return 7.0

    assert take_second_thread(engine, measure) == 7.0
    assert tried == [1], "nothing else needs to be measured"
    assert engine.threads == 1


def written(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize(
    ("files", "own", "quota"),
    [
        ({"cpu.max": "50000 100000\n"}, "0::/\n", 0.5),
        ({"a/cpu.max": "20000 100000\n", "a/b/cpu.max": "max 100000\n"}, "0::/a/b\n", 0.2),
        ({"cpu/a/cpu.cfs_quota_us": "30000\n", "cpu/a/cpu.cfs_period_us": "100000\n"}, "3:cpu,cpuacct:/a\n", 0.3),
        ({"memory/cpu.max": "10000 100000\n"}, "3:memory:/\n", None),
        ({"cpu/a/cpu.cfs_quota_us": "-1\n", "cpu/a/cpu.cfs_period_us": "100000\n"}, "3:cpu:/a\n", None),
        ({"cpu.max": "max 100000\n"}, "0::/\n", None),
        ({}, "0::/gone\n", None),
    ],
)
def test_a_container_has_as_many_cores_as_it_may_use(
    tmp_path: Path, files: dict[str, str], own: str, quota: float | None
) -> None:
    root = written(tmp_path / "cgroup", files)
    (tmp_path / "own").write_text(own)
    assert cores(root, tmp_path / "own") == (quota or cores(root, tmp_path / "nothing"))
    assert cores(root, tmp_path / "nothing") >= 1
