"""Melodies are found, chords are read, and parts that do not fit are told from those that do."""

import math
from dataclasses import replace

import numpy as np
import pytest

from model.evaluation.accompaniment import (
    beat_ticks,
    chords_of,
    fit,
    melody_last,
    melody_of,
    share_on_chords,
    shuffled_bars,
    split_melody,
)
from model.evaluation.trials import Trial
from music.score import DRUMS
from music.time import Meter
from tests.model.evaluation.made_passages import beat, passage, together

MELODY = passage(*((float(i), 72 + (0, 4, 7, 4)[i % 4] + (5 if i >= 4 else 0), 1.0) for i in range(8)), bars=2)
# C major, then F major.
CHORDS = passage(*((0.0, p, 4.0) for p in (48, 52, 55)), *((4.0, p, 4.0) for p in (53, 57, 60)), bars=2)
BASS = passage((0, 36, 2), (2, 43, 2), (4, 41, 4), bars=2, program=33)
BAND = together(MELODY, CHORDS, BASS, beat(bars=2))


def test_the_melody_is_the_highest_single_line_that_is_no_bass() -> None:
    assert melody_of(BAND) == 0
    assert melody_of(together(CHORDS, BASS)) is None
    assert melody_of(MELODY) is None  # nobody to accompany it


def test_the_melody_s_player_moves_to_the_end() -> None:
    moved = melody_last(Trial(BAND, BAND, None, "made"))
    assert moved is not None
    assert moved.truth.programs == (0, 33, DRUMS, 0)
    melody, others = split_melody(moved.truth)
    assert [n.pitch for n in melody.notes] == [n.pitch for n in MELODY.notes]
    assert len(others.notes) == len(BAND.notes) - len(MELODY.notes)


def test_chords_are_triads_by_half_bar() -> None:
    chords = chords_of(CHORDS)
    assert [set(np.nonzero(tones)[0].tolist()) for tones in chords] == [{0, 4, 7}] * 2 + [{0, 5, 9}] * 2
    assert not chords_of(beat()).any()


def test_the_share_on_chords_is_of_time() -> None:
    chords = chords_of(CHORDS.cut(0, 1))
    assert share_on_chords(passage((0, 60, 3), (3, 61, 1)), chords) == 0.75
    assert math.isnan(share_on_chords(passage(), chords))


def test_real_parts_fit_and_parts_in_the_wrong_place_do_not() -> None:
    real = BAND.parts([1, 2, 3])
    melody = BAND.parts([0])
    found = fit(real, melody, real)
    assert (found.melody_in_chords, found.chord_tones, found.bass_chord_tones) == (1, 1, 1)
    assert (found.on_beat, found.with_melody) == (1, 1)
    assert (found.bass_density, found.drums_density) == (1.5, 4)
    swapped = fit(shuffled_bars(real, np.random.default_rng(0)), melody, real)
    assert swapped.chord_tones == pytest.approx(1 / 3, abs=0.1)  # of C major only C is in F major
    assert swapped.melody_in_chords < 0.5
    assert swapped.drums_density == 4


def test_onsets_beside_the_beat_and_beside_the_melody_are_told() -> None:
    late = passage((0.5, 48, 0.2), (1.05, 48, 0.2), (2, 48, 0.2), (3.25, 48, 0.2))
    found = fit(together(late, MELODY.cut(0, 1)).parts([0]), MELODY.cut(0, 1), late)
    assert found.on_beat == 0.5
    assert found.with_melody == 0.5


def test_roles_that_nobody_has_are_not_measured() -> None:
    found = fit(together(CHORDS, MELODY).parts([0]), MELODY, CHORDS)
    assert math.isnan(found.bass_density)
    assert math.isnan(found.bass_chord_tones)
    assert found.chords_density == 1


def test_no_bar_stays_where_it_was() -> None:
    made = passage(*((4.0 * i, 60 + i, 1) for i in range(8)), bars=8)
    for seed in range(20):
        shuffled = shuffled_bars(made, np.random.default_rng(seed))
        assert sorted(n.pitch for n in shuffled.notes) == [n.pitch for n in made.notes]
        assert all(a != b for a, b in zip(shuffled.notes, made.notes, strict=True))


def test_beats_of_compound_meters_are_dotted() -> None:
    for text, ticks in (("4/4", 480), ("6/8", 720), ("3/8", 240), ("2/2", 960), ("12/8", 720)):
        assert beat_ticks(replace(MELODY, meter=Meter.parse(text))) == ticks
