"""Human against human is the measure; what is not human-like falls short of it."""

import numpy as np
import pytest

from model.evaluation.features import MEASURES
from model.evaluation.passage import Passage
from model.evaluation.sets import compare_sets
from tests.model.evaluation.made_passages import passage

RNG = np.random.default_rng(0)


def walk(step: int, length: float) -> Passage:
    """A random walk of sixteen notes and a few rests."""
    pitches = 60 + RNG.integers(-step, step + 1, 16).cumsum()
    places = np.sort(RNG.choice(32, 16, replace=False)) / 4
    return passage(*((float(t), int(p) % 128, length) for t, p in zip(places, pitches, strict=True)), bars=2)


HUMAN = [walk(3, 0.5) for _ in range(24)]


def test_music_of_the_same_kind_reaches_what_humans_reach() -> None:
    report = compare_sets(HUMAN, [walk(3, 0.5) for _ in range(24)])
    assert set(report.machine) == set(report.human) == set(MEASURES)
    assert report.share.value == pytest.approx(1, abs=0.12)
    assert report.share.low < 1 < report.share.high
    assert report.human_mean.overlap_area.low < report.human_mean.overlap_area.value


def test_the_humans_themselves_reach_exactly_what_humans_reach() -> None:
    report = compare_sets(HUMAN, HUMAN)
    assert report.share.value == pytest.approx(1)
    assert report.machine_mean == report.human_mean


def test_music_of_another_kind_falls_short() -> None:
    report = compare_sets(HUMAN, [walk(30, 0.1) for _ in range(24)])
    assert report.share.high < 0.9
    assert report.machine["NLH"].overlap_area.value < report.human["NLH"].overlap_area.value
    assert report.machine_mean.kld.value > report.human_mean.kld.value


def test_sets_of_different_size_are_refused() -> None:
    with pytest.raises(ValueError, match="same size"):
        compare_sets(HUMAN, HUMAN[1:])
