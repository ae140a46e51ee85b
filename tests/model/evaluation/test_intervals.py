"""Bootstrap intervals, against scipy's."""

import math
from dataclasses import astuple

import numpy as np
import pytest
from scipy.stats import bootstrap

from model.evaluation.intervals import Interval, clustered_interval, mean_interval


def test_the_interval_is_scipys_percentile_bootstrap() -> None:
    values = np.random.default_rng(0).gamma(2, 1, 80)
    ours = mean_interval(values.tolist())
    theirs = bootstrap((values,), np.mean, method="percentile", rng=np.random.default_rng(1)).confidence_interval
    assert ours.value == pytest.approx(values.mean())
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), rel=0.03)


def test_what_could_not_be_measured_does_not_count() -> None:
    assert mean_interval([1.0, float("nan"), 3.0]).value == 2
    assert math.isnan(mean_interval([float("nan")]).value)
    assert math.isnan(mean_interval([]).low)


def test_above_means_that_the_intervals_do_not_meet() -> None:
    assert Interval(3, 2, 4).above(Interval(1, 0, 1.9))
    assert not Interval(3, 2, 4).above(Interval(1, 0, 2.1))


def test_small_figures_are_written_with_more_digits() -> None:
    assert str(Interval(76.88, 75.2, 78.3)) == "76.9 (75.2 to 78.3)"
    assert str(mean_interval([])) == "none"
    assert str(Interval(0.1234, 0.1, 0.2)) == "0.123 (0.100 to 0.200)"


def test_several_values_of_a_piece_are_drawn_together() -> None:
    values = np.random.default_rng(0).normal(size=40)
    once = clustered_interval(values.tolist(), list(range(40)))
    assert (once.value, once.low, once.high) == pytest.approx(astuple(mean_interval(values.tolist())))
    fourfold = clustered_interval(np.repeat(values, 4).tolist(), np.repeat(np.arange(40), 4).tolist())
    assert astuple(fourfold) == pytest.approx(astuple(once))  # copies of a piece tell nothing new


def test_a_piece_with_more_values_weighs_more_and_unknown_ones_do_not_count() -> None:
    assert clustered_interval([1.0, 1.0, 4.0, float("nan")], ["a", "a", "b", "c"]).value == 2
    assert math.isnan(clustered_interval([float("nan")], ["a"]).value)
