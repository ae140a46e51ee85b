"""Groove consistency, by hand."""

import math

import pytest

from model.evaluation.groove import groove_consistency
from tests.model.evaluation.made_passages import beat, passage


def test_equal_bars_are_wholly_consistent_whatever_their_pitches() -> None:
    assert groove_consistency(beat(bars=4)) == 1
    assert groove_consistency(passage((0, 60, 1), (4, 72, 1), bars=2)) == 1


def test_steps_that_differ_count_against_all_steps_of_a_bar() -> None:
    # 48 steps in a bar of 4/4; the second bar lacks one onset and has another: 2 differ. The third is the second.
    made = passage((0, 60, 1), (1, 60, 1), (4, 60, 1), (6, 60, 1), (8, 60, 1), (10, 60, 1), bars=3)
    assert groove_consistency(made) == pytest.approx(1 - (2 / 48 + 0) / 2)


def test_one_bar_has_no_neighbour() -> None:
    assert math.isnan(groove_consistency(beat()))
