"""A difference is found as large as it is, and chance is not taken for one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.study.compare import dissections, more, standings
from benchmarks.study.plan import Match
from tests.benchmarks.study.made_study import PIECES, made_results


@given(st.integers(1, 4), st.integers(2, 30), st.floats(-50, 50))
def test_what_is_so_many_percent_more_on_every_piece_is_so_many_percent_more(
    seeds: int, pieces: int, percent: float
) -> None:
    theirs = np.tile(np.arange(1.0, pieces + 1), (seeds, 1))
    found = more(theirs * (1 + percent / 100), theirs, np.arange(1.0, pieces + 1))
    assert (found.value, found.low, found.high) == pytest.approx((percent, percent, percent), abs=1e-6)


def test_chance_alone_is_not_told_apart() -> None:
    dice = np.random.default_rng(1)
    ours, theirs = dice.normal(3, 1, (2, 3, 200))
    found = more(ours, theirs, np.ones(200))
    assert found.low < 0 < found.high


def test_one_seed_that_differs_widens_the_interval() -> None:
    theirs = np.ones((3, 50))
    ours = theirs * np.array([[1.0], [1.0], [1.3]])
    found = more(ours, theirs, np.ones(50))
    assert found.value == pytest.approx(10)
    assert found.low == pytest.approx(0)


def test_each_way_is_beside_mha_with_the_seeds_that_both_have() -> None:
    found = [each for each in made_results({"mha": 0, "routed": 2.0}) if (each[0].way, each[0].seed) != ("mha", 1)]
    mha, routed = standings(found)
    assert (mha.way, mha.seeds, routed.way, routed.seeds) == ("mha", (0, 2), "routed", (0, 2))
    assert routed.more_nats.value == pytest.approx(2)
    assert routed.more_nmsi.value == pytest.approx(-2)
    assert {round(each.value, 6) for each in routed.more_nats_by_group.values()} == {2}
    assert (routed.pieces, mha.more_nats.value) == (PIECES, 0)


def test_without_mha_there_is_nothing_to_compare() -> None:
    assert standings(made_results({"routed": 1.0})) == []


def test_heads_are_looked_at_where_they_were_measured() -> None:
    found = dissections(made_results({"mha": 0, "grouped": 0, "mqa": 0}), Match.WIDTH)
    assert set(found) == {"mha", "grouped"}
    assert found["grouped"]["mass"].shape == (3, 2, 4, 4)
