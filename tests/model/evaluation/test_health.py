"""What is wrong with a passage is found, and what is right is left alone."""

import pytest

from model.evaluation.health import STUCK_STROKES, examine, token_autocorrelation
from model.evaluation.ranges import in_range
from music.score import DRUMS
from tests.model.evaluation.made_passages import beat, passage, together

PROMPT = passage((0, 60, 1), (2, 62, 1))


def test_a_moving_line_is_healthy() -> None:
    health = examine(passage(*((i / 2, 60 + i, 0.5) for i in range(8))), PROMPT)
    assert not health.stuck
    assert (health.empty_bars, health.longest_bar_run, health.longest_stroke_run) == (0, 1, 1)
    assert (health.out_of_range, health.unresolved, health.polyphony, health.density) == (0, 0, 1, 4)


def test_a_bar_repeated_four_times_is_stuck_but_rests_are_not() -> None:
    assert examine(passage(*((4.0 * i, 60 + i // 4, 1) for i in range(5)), bars=8), PROMPT).longest_bar_run == 4
    assert examine(passage(*((4.0 * i, 60, 1) for i in range(4)), bars=4), PROMPT).stuck
    silent = examine(passage(bars=8), PROMPT)
    assert (silent.stuck, silent.empty_bars) == (False, 1)


def test_a_key_struck_over_and_over_is_stuck_in_a_pitched_part_and_not_in_drums() -> None:
    repeated = passage(*((i / 4 + i // 7, 60, 0.1) for i in range(STUCK_STROKES)), bars=2)
    assert examine(repeated, PROMPT).stuck
    line = passage(*((i / 2, 60 + i, 0.5) for i in range(16)), bars=2)
    assert not examine(together(line, beat(bars=2)), PROMPT).stuck


def test_a_chord_that_no_hands_can_play_has_run_away() -> None:
    cluster = passage(*((0.0, 60 + i, 1.0) for i in range(11)))
    assert examine(cluster, PROMPT).runaway
    assert not examine(cluster.cut(0, 1).parts([]), PROMPT).runaway
    assert examine(together(passage((0, 60, 1), (0, 64, 1)), passage((0, 48, 1))), PROMPT).widest_chord == 2


def test_notes_that_no_instrument_has_are_counted() -> None:
    assert examine(passage((0, 20, 1), (1, 60, 1), program=40), PROMPT).out_of_range == 0.5
    assert in_range(55, 40)
    assert not in_range(54, 40)
    assert not in_range(100, DRUMS)
    assert in_range(0, 90)


def test_lengths_that_run_into_the_next_stroke_or_over_four_bars_are_unresolved() -> None:
    assert examine(passage((0, 60, 2), (1, 60, 1)), PROMPT).unresolved == 0.5
    assert examine(passage((0, 60, 16), (1, 62, 1), bars=4), PROMPT).unresolved == 0.5


def test_polyphony_is_the_mean_while_anything_sounds() -> None:
    assert examine(passage((0, 60, 2), (1, 64, 1), bars=1), PROMPT).polyphony == pytest.approx(1.5)


def test_autocorrelation_is_one_for_a_loop_and_low_for_noise() -> None:
    assert token_autocorrelation(list(range(10)) * 30) == 1
    assert token_autocorrelation([i * i % 997 for i in range(300)]) < 0.1
    assert token_autocorrelation([1, 2, 3]) == 0
