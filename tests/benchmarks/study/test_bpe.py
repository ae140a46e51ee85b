"""The whole study on a few made pieces: every run once, and on from where it was cut."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.study.bpe import LEARNED, Bpe
from benchmarks.study.merging.music import Music
from benchmarks.study.merging.plan import FULL, QUICK, MergingPlan, runs
from benchmarks.study.plan import parameters
from benchmarks.study.training import OutOfTime
from benchmarks.study.work import measured, measured_file, work
from model.networks.decoder import Decoder
from tests.benchmarks.study.merging.made_music import PLAN, made_corpus
from tests.benchmarks.study.test_training import after

STUDY = Bpe(PLAN)


def test_a_study_that_is_cut_goes_on_and_does_nothing_twice(tmp_path: Path) -> None:
    with pytest.raises(OutOfTime):
        work(STUDY, "made", made_corpus(), tmp_path, after(6))
    ((first, _),) = measured(STUDY, "made", tmp_path)
    written = measured_file(STUDY, first, tmp_path).stat().st_mtime_ns
    work(STUDY, "made", made_corpus(), tmp_path, after(10**6))
    found = measured(STUDY, "made", tmp_path)
    assert [(run.music, run.way) for run, _ in found] == [(music, way) for way in PLAN.ways for music in Music]
    assert len(list((tmp_path / LEARNED).iterdir())) == len(Music)
    assert measured_file(STUDY, first, tmp_path).stat().st_mtime_ns == written
    plain, merged = ({run.way.merges: each for run, each in found if run.music is music} for music in Music)
    for each in (plain, merged):
        assert each[0]["notes"] == each[40]["notes"]
        assert each[40]["words"] < each[0]["words"] == each[0]["tokens"]
        assert np.isfinite(each[40]["nats"]).all()
        assert len(each[40]["nmsi"]) == PLAN.trials
    assert merged[0]["known"].count(False) == 1


@pytest.mark.parametrize("plan", [QUICK, FULL])
def test_every_run_has_a_folder_of_its_own_and_a_round_is_a_whole_table(plan: MergingPlan) -> None:
    every = list(runs(plan, "data"))
    assert len({run.name for run in every}) == len(every) == plan.seeds * len(plan.ways) * len(Music)
    size = len(plan.ways) * len(Music)
    assert {run.seed for run in every[:size]} == {0}


def test_parameters_count_the_words() -> None:
    run = list(runs(PLAN, "made"))[-1]
    assert parameters(run.config) == sum(p.numel() for p in Decoder(run.config).parameters())
