"""Loudness is the recommendation's: its own check tone, and what follows from its words."""

import numpy as np
import pytest
from numpy.typing import NDArray

from model.evaluation.loudness import level, loudness


def tone(hertz: float, *, rate: int = 48_000, seconds: float = 3.0, peak: float = 1.0) -> NDArray[np.float64]:
    return peak * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


@pytest.mark.parametrize("rate", [48_000, 44_100])
def test_a_full_tone_of_997_hz_has_what_the_recommendation_says(rate: int) -> None:
    assert loudness(tone(997, rate=rate), rate) == pytest.approx(-3.01, abs=0.02)


def test_half_the_amplitude_is_six_decibels_less() -> None:
    assert loudness(tone(997), 48_000) - loudness(tone(997, peak=0.5), 48_000) == pytest.approx(6.02, abs=0.01)


def test_bass_counts_less_and_treble_more() -> None:
    middle = loudness(tone(997), 48_000)
    assert loudness(tone(30), 48_000) < middle - 6
    assert loudness(tone(5000), 48_000) > middle + 2


def test_pauses_do_not_make_music_quieter() -> None:
    music = tone(440)
    with_pause = np.concatenate([music, np.zeros(48_000 * 6)])
    assert loudness(with_pause, 48_000) == pytest.approx(loudness(music, 48_000), abs=0.3)


def test_silence_and_next_to_nothing_have_none() -> None:
    assert loudness(np.zeros(48_000), 48_000) == float("-inf")
    assert loudness(tone(997, seconds=0.1), 48_000) == float("-inf")


def test_clips_are_made_equally_loud_and_none_exceeds_the_peak() -> None:
    spiky = tone(440, peak=0.05)
    spiky[1000] = 1.0
    quiet, loud = level([spiky, tone(997)], 48_000, -20.0, 0.9)
    assert loudness(quiet, 48_000) == pytest.approx(loudness(loud, 48_000), abs=0.01)
    assert max(np.abs(quiet).max(), np.abs(loud).max()) == pytest.approx(0.9)
    (alone,) = level([tone(997)], 48_000, -20.0, 0.9)
    assert loudness(alone, 48_000) == pytest.approx(-20, abs=0.01)


def test_silence_stays_silent() -> None:
    silent, _ = level([np.zeros(48_000), tone(997)], 48_000, -20.0, 0.9)
    assert not silent.any()
