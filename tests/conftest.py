"""What all tests share: how hard hypothesis tries, the real MIDI corpus, and a JACK server."""

import os
import shutil
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from benchmarks.jack import private_jack

ROOT = Path(__file__).resolve().parent.parent

# No deadline: a busy machine is no bug. In CI the same examples every time, so that a red run is red again.
PATIENT = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("local", PATIENT)
settings.register_profile("ci", PATIENT, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")

LAW_EXAMPLES = 10_000  # of the laws of a live session, in tests/streaming/test_laws.py and test_playout.py together


def laws(share: float, steps: int) -> settings:
    """For a state machine that makes such a share of the examples, each of so many steps at most."""
    return settings(settings.default, max_examples=round(share * LAW_EXAMPLES), stateful_step_count=steps)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Music that sounds in time must do so in the first or the second take: a host may stop a guest for 30 ms."""
    for item in items:
        if item.get_closest_marker("jack") or "end_to_end" in item.path.parts:
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="session")
def corpus_archive() -> Path:
    """The archive of real MIDI files: `TRADEFOURS_CORPUS`, or the one beside the checkout."""
    archive = Path(os.environ.get("TRADEFOURS_CORPUS", ROOT.parent / "shared/data/open.tar.xz"))
    if not archive.is_file():
        pytest.skip(f"needs real MIDI: no archive at {archive} (TRADEFOURS_CORPUS may name another)")
    return archive


@pytest.fixture(scope="session")
def corpus_dir(corpus_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The corpus unpacked: `manifest.csv` and `<source>/<path>.mid`. About 210 MB, for this run only."""
    folder = tmp_path_factory.mktemp("corpus")
    with tarfile.open(corpus_archive) as archive:
        # By hand: early releases of Python 3.11 have no extraction filters, later ones warn without.
        for member in archive:
            content = archive.extractfile(member)
            if content is None:
                continue
            target = (folder / member.name).resolve()
            assert target.is_relative_to(folder), f"{member.name} would leave the folder"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.read())
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def built_corpus(corpus_archive: Path) -> Path:
    """The whole real corpus as `train` and `evaluate` keep it: building it takes minutes, so no test does."""
    built = sorted((ROOT / "runs").glob("*.corpus"))
    if not built:
        pytest.skip(f"needs a built corpus: tradefours corpus build {corpus_archive}")
    return built[0]


@pytest.fixture
def jack_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """A JACK server of this test's own. Its environment is set here already; it is yielded for subprocesses.

    Mark the test `jack`. Open ports with the API `UNIX_JACK` and close them before the test ends.
    """
    if sys.platform != "linux" or shutil.which("jackd") is None or shutil.which("jack_lsp") is None:
        pytest.skip("needs Linux with jackd and jack_lsp (on Debian 12: apt install jackd2)")
    with private_jack(tmp_path / "jack.log") as env:
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        yield env
