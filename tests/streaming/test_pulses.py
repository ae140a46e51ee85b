"""A clock's pulses, as uneven as cables and busy computers make them: beat and tempo are found all the same."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from music.time import Nanos
from streaming.even_tempo import PULSES_PER_QUARTER
from streaming.pulses import PulseFilter

MS = 1e6
Bpm = Callable[[float], float]  # by beat


def steady(_: float) -> float:
    return 120.0


def ramp(beat: float) -> float:
    """From 90 to 140 in eight bars."""
    return 90 + 50 * max(0.0, min(1.0, (beat - 8) / 32))


def leap(beat: float) -> float:
    return 120.0 if beat < 16 else 132.0


class Played:
    """What a filter makes of a clock: of each pulse, its beat and the error of the phase in ms."""

    def __init__(
        self, bpm: Bpm, *, beats: int = 64, seed: int, jitter_ms: float = 3.0, lost: float = 0.0, ppm: float = 0.0
    ) -> None:
        dice = random.Random(seed)
        self.filter = PulseFilter(bpm(0))
        self.errors: list[tuple[float, float]] = []
        self.tempi: list[tuple[float, float]] = []
        at = 1e9
        for number in range(beats * PULSES_PER_QUARTER):
            beat = number / PULSES_PER_QUARTER
            period = 60e9 / bpm(beat) / PULSES_PER_QUARTER * (1 + ppm / 1e6)
            if not number or dice.random() >= lost:
                self.filter.pulse(Nanos(round(at + dice.uniform(-jitter_ms, jitter_ms) * MS)))
                error = self.filter.at + (number - self.filter.number) * self.filter.period - at
                self.errors.append((beat, error / MS))
                self.tempi.append((beat, self.filter.bpm))
            at += period


def p99(errors: list[float]) -> float:
    return sorted(map(abs, errors))[int(0.99 * len(errors))]


@pytest.mark.parametrize(
    ("bpm", "options"),
    [
        (steady, {"ppm": 200.0}),
        (steady, {"ppm": -200.0}),
        (steady, {"lost": 0.05, "ppm": 200.0}),
        (ramp, {}),
        (ramp, {"lost": 0.02}),
        (leap, {}),
    ],
)
def test_the_phase_is_known_to_two_milliseconds_after_the_first_beat(bpm: Bpm, options: dict[str, Any]) -> None:
    runs = [Played(bpm, seed=seed, **options) for seed in range(40)]
    assert p99([error for run in runs for beat, error in run.errors if beat >= 1]) <= 2.0


@pytest.mark.parametrize("bpm", [90, 120, 200])
def test_where_the_second_pulse_of_all_is_lost_the_third_tells(bpm: int) -> None:
    filter, period = PulseFilter(bpm), 60e9 / bpm / PULSES_PER_QUARTER
    for number in (0, *range(2, 40)):
        filter.pulse(Nanos(round(number * period)))
    assert filter.number == 39
    assert filter.bpm == pytest.approx(bpm, rel=0.001)


def test_a_new_tempo_is_known_within_a_beat() -> None:
    for seed in range(10):
        found = [bpm for beat, bpm in Played(leap, beats=20, seed=seed, jitter_ms=1.0).tempi if 17 <= beat < 18]
        assert all(abs(bpm - 132) < 4 for bpm in found), found


def test_an_even_clock_is_followed_exactly() -> None:
    run = Played(steady, seed=0, jitter_ms=0.0)
    assert max(abs(error) for _, error in run.errors) < 0.001
    assert run.filter.bpm == pytest.approx(120)


@pytest.mark.parametrize("factor", [0.45, 0.6, 1.7, 2.1, 3.0])
def test_a_tempo_that_leaps_far_loses_no_pulse(factor: float) -> None:
    """Four gaps of one new length look like lost or late pulses at first."""
    filter, at = PulseFilter(120), 0.0
    for number in range(200):
        filter.pulse(Nanos(round(at)))
        at += 60e9 / 120 / PULSES_PER_QUARTER / (factor if number >= 100 else 1)
    assert filter.number == 199
    assert filter.bpm == pytest.approx(120 * factor, rel=0.01)


@pytest.mark.parametrize("late", [0.3, 0.5, 0.58, 0.62, 0.7, 0.9, 1.1, 1.6])
def test_a_pulse_that_comes_late_and_the_next_in_time_are_two(late: float) -> None:
    filter = PulseFilter(120)
    period = filter.period
    for number in range(60):
        behind = max(0.0, late - (number - 40)) if number >= 40 else 0.0
        filter.pulse(Nanos(round((number + behind) * period)))
        if number == 40:
            period *= 1.002  # and a little more
    assert filter.number == 59


def test_a_computer_that_hangs_for_a_moment_changes_neither_beat_nor_tempo() -> None:
    """Its pulses come all at once, as many as there should have been."""
    filter, dice, at = PulseFilter(240), random.Random(7), 0.0
    worst = 0.0
    for number in range(2_000):
        at = number * 60e9 / 240 / PULSES_PER_QUARTER
        hung = number // 200 * 200 + 150
        stuck = max(0.0, (hung + 9) * 60e9 / 240 / PULSES_PER_QUARTER - at) if number >= hung else 0.0
        filter.pulse(Nanos(round(at + stuck + (0.1 * (number - hung) if stuck else dice.uniform(0, 1)) * MS)))
        assert abs(filter.number - number) <= (9 if stuck else 1)
        if not stuck and number % 200 < 140:
            worst = max(worst, abs(filter.at + (number - filter.number) * filter.period - at) / MS)
    assert filter.number == 1_999
    assert worst < 10
    assert filter.bpm == pytest.approx(240, rel=0.005)


def test_a_new_start_keeps_the_tempo_and_counts_from_where_it_is_told() -> None:
    run = Played(lambda _: 97.0, seed=3, jitter_ms=0.5)
    bpm = run.filter.bpm
    run.filter.begin(96)
    assert run.filter.bpm == bpm
    run.filter.pulse(Nanos(500_000_000_000))
    assert (run.filter.number, run.filter.at) == (96, 500_000_000_000)
    errors: list[float] = []
    for seed in range(10):
        later = Played(lambda _: 97.0, seed=seed, beats=16).filter
        later.begin(0)
        dice = random.Random(seed)
        for number in range(96):
            at = 10**12 + number * 60e9 / 97 / PULSES_PER_QUARTER
            later.pulse(Nanos(round(at + dice.uniform(-3, 3) * MS)))
            if number >= PULSES_PER_QUARTER:
                errors.append((later.at - at) / MS)
    assert p99(errors) <= 2.0


def test_half_a_beat_makes_a_tempo_known() -> None:
    filter = PulseFilter(120)
    for number in range(13):
        assert not filter.knows_tempo
        filter.pulse(Nanos(number * 25_000_000))
    assert filter.knows_tempo
    assert filter.bpm == pytest.approx(100, rel=0.02)
