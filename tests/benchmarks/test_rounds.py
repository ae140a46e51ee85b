"""Contestants take turns, and ratios are of one round each."""

from itertools import count

import pytest

from benchmarks.rounds import LEAST_ROUNDS, MOST_PIECES, SLICE_MS, Timed, interleave, repeated, timed_ms


def test_contestants_take_turns_and_the_first_round_is_forgotten() -> None:
    order: list[str] = []
    numbers = count()

    def slice_of(name: str) -> list[float]:
        order.append(name)
        return [float(next(numbers))]

    timed = interleave({"a": lambda: slice_of("a"), "b": lambda: slice_of("b")}, 0.0)
    assert order == ["a", "b"] * (LEAST_ROUNDS + 1)
    assert timed["a"].rounds == ((2.0,), (4.0,), (6.0,))
    assert timed["b"].rounds == ((3.0,), (5.0,), (7.0,))


def test_a_ratio_is_the_median_of_what_each_round_shows() -> None:
    ours = Timed(((1.0, 1.0), (10.0,), (1.0,)))  # the second round was disturbed, for both
    theirs = Timed(((3.0,), (30.0,), (4.0, 4.0)))
    assert ours.times_as_fast_as(theirs) == 3.0
    assert theirs.times_as_fast_as(ours) == pytest.approx(1 / 3)


def test_a_disturbed_round_counts_as_one_in_the_median_and_with_all_its_pieces_in_the_quantiles() -> None:
    timed = Timed(((1.0,), (2.0,), (9.0, 9.0, 9.0, 9.0)))
    assert timed.median == 2.0
    assert timed.quantile(0.0) == 1.0
    assert timed.quantile(0.5) == timed.quantile(1.0) == 9.0


def test_work_is_repeated_for_a_slice_and_its_first_time_does_not_count() -> None:
    calls: list[None] = []
    times = repeated(lambda: calls.append(None))()
    assert len(times) == MOST_PIECES
    assert len(calls) == MOST_PIECES + 1


def test_slow_work_is_timed_once() -> None:
    assert len(repeated(lambda: timed_busy(SLICE_MS))()) == 1


def timed_busy(milliseconds: float) -> None:
    spent = 0.0
    while spent < milliseconds:
        spent += timed_ms(lambda: sum(range(10_000)))
