"""Every run is done once, whoever does it and however often the work is begun."""

from dataclasses import replace
from io import FileIO
from pathlib import Path

import pytest

from benchmarks.study.compare import standings
from benchmarks.study.plan import POOLED, runs
from benchmarks.study.sharing import Sharing
from benchmarks.study.speed import speeds
from benchmarks.study.training import Deadline, OutOfTime
from benchmarks.study.work import LOCK, measured, measured_file, work
from model.networks.config import PRESETS
from server.file_lock import lock
from tests.benchmarks.study.made_study import PLAN
from tests.benchmarks.study.test_training import CORPUS, after

STUDY = Sharing(PLAN)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("study")


def test_what_another_process_works_on_is_left_to_it(folder: Path) -> None:
    first, *_ = runs(PLAN, "made")
    (folder / first.name).mkdir()
    with FileIO(folder / first.name / LOCK, "a") as file:
        lock(file)
        work(STUDY, "made", CORPUS, folder, Deadline(None))
    assert {run.way for run, _ in measured(STUDY, "made", folder)} == {"grouped"}


def test_the_next_call_does_what_is_left_and_the_one_after_it_nothing(folder: Path) -> None:
    work(STUDY, "made", CORPUS, folder, Deadline(None))
    before = {run.name: measured_file(STUDY, run, folder).stat().st_mtime_ns for run in runs(PLAN, "made")}
    assert len(measured(STUDY, "made", folder)) == len(PLAN.ways)
    work(STUDY, "made", CORPUS, folder, after(0))
    assert before == {run.name: measured_file(STUDY, run, folder).stat().st_mtime_ns for run in runs(PLAN, "made")}
    assert [row.way for row in standings(measured(STUDY, "made", folder))] == list(PLAN.ways)


def test_when_the_time_is_over_nothing_is_measured(tmp_path: Path) -> None:
    with pytest.raises(OutOfTime, match="the same command goes on"):
        work(STUDY, "made", CORPUS, tmp_path, after(2))
    assert measured(STUDY, "made", tmp_path) == []


def test_speed_is_measured_once_for_both_shapes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.study.speed.preset", lambda name: PRESETS["tiny"])
    plan = replace(PLAN, ways=(*PLAN.ways, POOLED), shape=replace(PLAN.shape, layers=2))
    found = speeds(plan, folder)
    places = {(row["shape"], row["sequences"], row["way"]) for row in found["rows"]}
    assert places == {(shape, n, way) for shape in ("small", "study") for n in (1, 2) for way in PLAN.ways}
    notes = {(row["shape"], row["way"]): row for row in found["notes"]["rows"]}
    assert set(notes) == {(shape, way) for shape in ("small", "study") for way in plan.ways}
    # 4.5 tokens in two layers, keys and values of 4 heads of 16; one word in one layer
    assert [notes["study", way]["bytes_per_note"] for way in ("mha", POOLED)] == [4608, 512]
    assert speeds(plan, folder) == found
