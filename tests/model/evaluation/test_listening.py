"""Who fits the human is told from who does not, by the human's part alone."""

import numpy as np
import pytest

from model.evaluation.listening import key_of, listening
from music.harmony import Key
from tests.model.evaluation.made_passages import beat, passage, together

# C major: tonic, subdominant, dominant, tonic, two beats each.
HUMAN = passage(
    *(
        (2.0 * i, pitch, 2.0)
        for i, chord in enumerate([(60, 64, 67), (65, 69, 72), (67, 71, 74), (60, 64, 67)])
        for pitch in chord
    ),
    bars=2,
)


def test_the_key_is_that_of_the_humans_part_and_drums_have_none() -> None:
    assert key_of(HUMAN) == Key.parse("C major")
    assert key_of(beat(2)) is None


def test_a_partner_in_key_on_the_chords_and_on_the_beat_has_full_marks() -> None:
    partner = passage((0, 48, 2), (2, 53, 2), (4, 55, 2), (6, 48, 2), bars=2)
    found = listening(partner, HUMAN, key_of(HUMAN))
    assert (found.in_key, found.chord_tones, found.together, found.on_beat) == (1, 1, 1, 1)
    assert (found.density, found.stuck) == (2, 0)


def test_a_partner_elsewhere_has_none() -> None:
    partner = passage((0.4, 49, 1), (2.4, 54, 1), (4.4, 56, 1), bars=2)
    found = listening(partner, HUMAN, key_of(HUMAN))
    assert (found.in_key, found.chord_tones, found.together, found.on_beat) == (0, 0, 0, 0)


def test_what_cannot_be_measured_is_not_zero() -> None:
    assert np.isnan(listening(passage(bars=2), HUMAN, key_of(HUMAN)).in_key)
    drums_alone = listening(passage((0, 48, 1), bars=2), beat(2), key_of(beat(2)))
    assert np.isnan([drums_alone.in_key, drums_alone.chord_tones]).all()
    assert drums_alone.together == 1


@pytest.mark.parametrize(("strokes", "stuck"), [(12, 1.0), (11, 0.0)])
def test_twelve_strokes_on_one_key_are_stuck(strokes: int, stuck: float) -> None:
    partner = together(passage(*((0.5 * i, 50, 0.5) for i in range(strokes)), bars=2))
    assert listening(partner, HUMAN, None).stuck == stuck
