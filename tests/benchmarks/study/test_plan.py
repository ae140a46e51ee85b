"""What is trained, in which order, and what its folder is called."""

from dataclasses import replace
from itertools import islice

import pytest

from benchmarks.study.plan import FULL, QUICK, WAYS, Match, parameters, runs, shaped
from benchmarks.study.pooled import wired
from model.networks.decoder import Decoder
from tests.benchmarks.study.made_study import PLAN


@pytest.mark.parametrize("way", WAYS)
def test_parameters_are_those_of_the_network(way: str) -> None:
    config = replace(shaped(PLAN.shape, way, Match.PARAMETERS), layers=2)
    assert parameters(config) == sum(parameter.numel() for parameter in wired(way, Decoder(config)).parameters())


@pytest.mark.parametrize("plan", [FULL, QUICK])
@pytest.mark.parametrize("way", WAYS)
def test_equal_parameters_are_equal_within_two_in_a_thousand(plan: object, way: str) -> None:
    shape = FULL.shape if plan is FULL else QUICK.shape
    assert parameters(shaped(shape, way, Match.PARAMETERS)) == pytest.approx(parameters(shape), rel=0.002)


def test_each_seed_of_all_ways_is_a_whole_table() -> None:
    for seed in range(FULL.seeds):
        size = len(FULL.matches) * len(FULL.ways)
        a_round = list(islice(runs(FULL, "data"), seed * size, (seed + 1) * size))
        assert {(run.match, run.way) for run in a_round} == {(match, way) for match in Match for way in WAYS}
        assert {run.seed for run in a_round} == {seed}


def test_a_folder_is_named_after_all_that_decides_the_weights_and_nothing_else() -> None:
    first, *others = runs(FULL, "data")
    same = [run for run in others if run.name == first.name]
    assert [(run.match, run.way, run.seed) for run in same] == [(Match.PARAMETERS, "mha", 0)]
    twice = ("mha", "pooled")
    assert len({run.name for run in (first, *others)}) == FULL.seeds * (len(Match) * len(WAYS) - len(twice))
    assert next(runs(QUICK, "bd4bff00d576")).name == "aa2d433fb0d1c14f"  # folders that are there stay what they are
    for other in ({"steps": 1}, {"batch": 1}, {"data": "other"}, {"seed": 9}, {"config": QUICK.shape}):
        assert replace(first, **other).name != first.name
