"""A run of exactly so many steps, which may be cut."""

import json
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
import torch

from benchmarks.study.plan import POOLED, Run, runs
from benchmarks.study.sharing import lesson
from benchmarks.study.training import ABOUT, WEIGHTS, Deadline, OutOfTime, trained
from model.networks.decoder import Decoder
from model.training.continuing import Continuing
from model.training.trainer import STATE
from tests.benchmarks.study.made_study import PLAN
from tests.model.training.made_corpus import made_corpus

CORPUS = made_corpus()
RUN: Run = next(runs(PLAN, "made"))


def begin() -> Continuing:
    return lesson(RUN, CORPUS)


def after(checks: int) -> Deadline:
    """Over when it is asked so often."""
    return Deadline(checks / 60, count(0, 10**9).__next__)


def same(one: Decoder, other: Decoder) -> bool:
    return all(torch.equal(weight, other.state_dict()[name]) for name, weight in one.state_dict().items())


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Decoder]:
    folder = tmp_path_factory.mktemp("run")
    return folder, trained(RUN, begin, folder, Deadline(None))


def test_a_run_that_is_cut_twice_ends_with_the_same_weights_bit_for_bit(
    tmp_path: Path, whole: tuple[Path, Decoder]
) -> None:
    for checks in (1, 3):
        with pytest.raises(OutOfTime):
            trained(RUN, begin, tmp_path, after(checks))
        assert (tmp_path / STATE).exists()
        assert not (tmp_path / WEIGHTS).exists()
    assert same(trained(RUN, begin, tmp_path, Deadline(None)), whole[1])


def test_a_run_has_exactly_as_many_steps_as_planned(whole: tuple[Path, Decoder]) -> None:
    last = json.loads((whole[0] / "curve.json").read_text())[-1]
    assert (last["steps"], last["tokens"]) == (PLAN.steps, PLAN.tokens)
    assert json.loads((whole[0] / ABOUT).read_text())["steps"] == PLAN.steps


def test_a_finished_run_is_read_and_not_trained(whole: tuple[Path, Decoder]) -> None:
    assert not (whole[0] / STATE).exists()
    assert same(trained(RUN, begin, whole[0], after(0)), whole[1])


def test_pooled_is_trained_as_pooled_and_goes_on_as_such(tmp_path: Path) -> None:
    run = replace(RUN, way=POOLED, config=replace(RUN.config, layers=2), steps=2)
    as_mha = replace(run, way="mha")
    assert run.name != as_mha.name
    assert lesson(run, CORPUS).nll() != lesson(as_mha, CORPUS).nll()
    with pytest.raises(OutOfTime):
        trained(run, lambda: lesson(run, CORPUS), tmp_path / "cut", after(0))
    ended = [trained(run, lambda: lesson(run, CORPUS), tmp_path / name, Deadline(None)) for name in ("cut", "whole")]
    assert same(*ended)
