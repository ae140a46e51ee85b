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
        work(STUDY, "made", made_corpus(), tmp_path, after(PLAN.steps + 5))
    ((first, _),) = measured(STUDY, "made", tmp_path)
    written = measured_file(STUDY, first, tmp_path).stat().st_mtime_ns
    work(STUDY, "made", made_corpus(), tmp_path, after(10**6))
    found = measured(STUDY, "made", tmp_path)
    assert [run.music for run, _ in found] == list(Music)
    assert len(list((tmp_path / LEARNED).iterdir())) == len(Music)
    assert measured_file(STUDY, first, tmp_path).stat().st_mtime_ns == written
    piano, band = (each for _, each in found)
    for each in (piano, band):
        assert all(words < tokens for words, tokens in zip(each["words"], each["tokens"], strict=True))
        assert np.isfinite(each["nats"]).all()
        assert len(each["nmsi"]) == len(each["played_notes"]) == PLAN.trials
    assert (piano["known"].count(False), band["known"].count(False)) == (0, 1)


@pytest.mark.parametrize("plan", [QUICK, FULL])
def test_every_run_has_a_folder_of_its_own_and_a_round_is_a_whole_table(plan: MergingPlan) -> None:
    every = list(runs(plan, "data"))
    assert len({run.name for run in every}) == len(every) == plan.seeds * len(plan.ways) * len(Music)
    size = len(plan.ways) * len(Music)
    assert {run.seed for run in every[:size]} == {0}


def test_parameters_count_the_words() -> None:
    run = list(runs(PLAN, "made"))[-1]
    assert parameters(run.config) == sum(p.numel() for p in Decoder(run.config).parameters())
