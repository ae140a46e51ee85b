"""What is given beside new notes says what they lean to, unless something else is asked for."""

from dataclasses import replace
from typing import Any

import pytest

from model.generate import Shape
from model.tokens.grammar import Limits, State
from model.tokens.vocabulary import BAR, PART, PITCH
from music.score import DRUMS, Note, Part, Score
from music.time import Meter, MeterChange, Tempo, Tick
from server.shaping import Beside, shape_of
from streaming.generations import GenerationOptions

BAR_TICKS, BAR_STEPS = 1920, 192
SCORE = Score(
    parts=(Part(0), Part(73), Part(DRUMS)),
    notes=(),
    tempos=(Tempo.from_bpm(120),),
    meters=(MeterChange(Tick(0), Meter()),),
)
MACHINE = 0b001
WRITING = State(last=PART, header_parts=0b111, bars=1, bar_start=0, position=0, part=0)


def melody(*pitches: int, part: int = 1) -> list[Note]:
    """Half notes."""
    return [Note(Tick(960 * i), part, pitch, 80, 960) for i, pitch in enumerate(pitches)]


def offsets(shape: Shape, state: State = WRITING) -> dict[int, float]:
    return {token - PITCH.start: by for token, by in shape(state, 0, Limits()).bias if token in PITCH}


def shaped(given: list[Note], **options: Any) -> Shape:
    return shape_of(GenerationOptions(mode="accompany", **options), SCORE, MACHINE, 0, given)


def test_new_notes_lean_to_the_chord_of_their_half_bar_later_notes_included() -> None:
    in_c = melody(*[60, 67] * 8)
    chord = [*in_c[:2], Note(Tick(700), 1, 64, 80, 200), *in_c[2:]]
    found = offsets(shaped(chord))
    assert min(found[pitch] for pitch in (48, 52, 55)) > max(found[pitch] for pitch in (49, 54, 56, 58))
    second_half = offsets(shaped(chord), WRITING._replace(position=BAR_STEPS // 2))
    assert second_half[55] > second_half[52], "there a G sounds, and no E"


@pytest.mark.parametrize("options", [{"key": ""}, {"key": "C major"}, {"chords": "C"}])
def test_who_asks_for_something_else_gets_that_alone(options: dict[str, str]) -> None:
    assert offsets(shaped(melody(*[66, 70] * 8), **options)).get(54, 0.0) <= 0


def test_nothing_given_or_drums_alone_leans_to_nothing() -> None:
    for given in ([], melody(36, 38, part=2)):
        assert not Beside(SCORE, given)
        assert offsets(shaped(given)) == {}


def test_the_key_is_read_from_four_bars_on_each_side() -> None:
    far = [replace(note, onset=Tick(note.onset + 20 * BAR_TICKS)) for note in melody(61, 63, 66, 68)]
    beside = Beside(SCORE, [*melody(60, 62), *far])
    around, now = beside.leans(0, 0, BAR_STEPS)
    assert sum(around) == 2
    assert now == tuple(int(i == 0) for i in range(12))
    assert sum(beside.leans(17 * BAR_STEPS, 0, BAR_STEPS)[0]) == 4


def test_a_note_that_rings_from_long_before_counts() -> None:
    beside = Beside(SCORE, [Note(Tick(0), 1, 62, 80, 3 * BAR_TICKS), *melody(60)])
    _, now = beside.leans(2 * BAR_STEPS, BAR_STEPS // 2, BAR_STEPS)
    assert now == tuple(int(i == 2) for i in range(12))


def test_only_pitches_lean() -> None:
    at_bar = State(last=BAR, header_parts=0b111, bars=1)
    assert shaped(melody(60, 64))(at_bar, 0, Limits()).bias == ()
    assert offsets(shaped(melody(60, 64)), WRITING._replace(part=2)) == {}, "drums have no key"
