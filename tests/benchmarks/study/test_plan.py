"""What is trained, in which order, and what its folder is called."""

from dataclasses import replace
from itertools import islice

import pytest

from benchmarks.study.plan import FULL, POOLED, QUICK, WAYS, Match, parameters, runs, shaped
from benchmarks.study.pooled import wired
from model.networks.decoder import Decoder
from tests.benchmarks.study.made_study import PLAN


@pytest.mark.parametrize("way", WAYS)
def test_parameters_are_those_of_the_network(way: str) -> None:
    config = replace(shaped(PLAN.shape, way, Match.PARAMETERS), layers=2)
    assert parameters(config) == sum(parameter.numel() for parameter in wired(way, Decoder(config)).parameters())


@pytest.mark.parametrize("way", WAYS)
def test_equal_parameters_are_equal_within_two_in_a_thousand(way: str) -> None:
    shape = FULL.shape
    assert parameters(shaped(shape, way, Match.PARAMETERS)) == pytest.approx(parameters(shape), rel=0.002)


def test_each_seed_of_all_ways_is_a_whole_table() -> None:
    table = {(match, way) for match in Match for way in WAYS} - {(Match.OWN_STEP, POOLED)}
    for seed in range(FULL.seeds):
        a_round = list(islice(runs(FULL, "data"), seed * len(table), (seed + 1) * len(table)))
        assert {(run.match, run.way) for run in a_round} == table
        assert {run.seed for run in a_round} == {seed}


def test_a_quick_study_trains_the_first_of_the_same_runs() -> None:
    names = [run.name for run in runs(FULL, "data") if run.match is Match.WIDTH]
    assert [run.name for run in runs(QUICK, "data")] == names[: QUICK.seeds * len(WAYS)]


def test_a_folder_is_named_after_all_that_decides_the_weights_and_nothing_else() -> None:
    first, *others = runs(FULL, "data")
    same = [run for run in others if run.name == first.name]
    assert [(run.match, run.way, run.seed) for run in same] == [(Match.PARAMETERS, "mha", 0)]
    elsewhere = 3  # `mha` and `pooled` at equal parameters are trained once, `pooled` not again with a step of its own
    assert len({run.name for run in (first, *others)}) == FULL.seeds * (len(Match) * len(WAYS) - elsewhere)
    assert next(runs(FULL, "bd4bff00d576")).name == "aa2d433fb0d1c14f"  # folders that are there stay what they are
    for other in ({"steps": 1}, {"batch": 1}, {"data": "other"}, {"seed": 9}, {"config": PLAN.shape}):
        assert replace(first, **other).name != first.name
