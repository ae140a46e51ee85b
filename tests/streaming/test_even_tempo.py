"""A tempo is believed when all the newest pulses agree on it, and not for longer than it may hold."""

from random import Random

import pytest

from music.time import Nanos
from streaming.even_tempo import LEAST, MOST, SILENCE, EvenTempo

PERIOD = 60e9 / 120 / 24


def bpm(tempo: EvenTempo) -> float | None:
    settled = tempo.settled()
    return 60e9 / settled[1] / 24 if settled else None


def heard(pulses: int, *, jitter_ms: float = 0.0, seed: int = 0) -> tuple[EvenTempo, Nanos]:
    """And when the newest came."""
    tempo, dice, came = EvenTempo(), Random(seed), Nanos(0)
    for number in range(pulses):
        came = Nanos(round(1e12 + number * PERIOD + dice.uniform(-jitter_ms, jitter_ms) * 1e6))
        tempo.hear(1, came)
    return tempo, came


def test_even_pulses_settle_after_half_a_beat() -> None:
    assert bpm(heard(LEAST - 1)[0]) is None
    assert bpm(heard(LEAST)[0]) == pytest.approx(120)


def test_the_newest_pulse_should_have_been_where_all_say() -> None:
    tempo, came = heard(MOST)
    late = round(came + PERIOD + 2e6)
    tempo.hear(1, Nanos(late))
    settled = tempo.settled()
    assert settled is not None
    assert settled[0] == pytest.approx(came + PERIOD, abs=0.2e6)


def test_uneven_ones_take_longer_and_are_right_all_the_same() -> None:
    for seed in range(50):
        assert bpm(heard(LEAST, jitter_ms=3, seed=seed)[0]) is None
        assert bpm(heard(MOST, jitter_ms=3, seed=seed)[0]) == pytest.approx(120, abs=0.7)


def test_pulses_that_were_lost_are_no_other_tempo() -> None:
    tempo, came = heard(20)
    tempo.hear(5, Nanos(round(came + 5 * PERIOD)))
    assert bpm(tempo) == pytest.approx(120)


@pytest.mark.parametrize("gap", [0, SILENCE - PERIOD])
def test_after_a_silence_it_may_be_another(gap: float) -> None:
    tempo, came = heard(MOST)
    tempo.hear(round(gap / PERIOD) + 1, Nanos(round(came + gap + PERIOD)))
    assert bpm(tempo) is not None
    tempo.hear(1, Nanos(round(came + gap + PERIOD + SILENCE + 1)))
    assert bpm(tempo) is None
    for number in range(1, LEAST):
        tempo.hear(1, Nanos(round(came + gap + PERIOD + SILENCE + number * PERIOD * 0.9)))
    assert bpm(tempo) == pytest.approx(120 / 0.9)


def test_what_is_forgotten_is_unknown() -> None:
    tempo, _ = heard(MOST)
    tempo.forget()
    assert bpm(tempo) is None
