"""A difference is found as large as it is, and chance is not taken for one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.study.paired import mean_over, more


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


@given(st.integers(1, 4), st.integers(1, 30), st.floats(-50, 50))
def test_what_is_the_same_everywhere_is_its_own_mean_for_certain(seeds: int, pieces: int, value: float) -> None:
    found = mean_over(np.full((seeds, pieces), value), np.ones(pieces))
    assert (found.value, found.low, found.high) == pytest.approx((value, value, value))
