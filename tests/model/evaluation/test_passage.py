"""Cutting, joining and timing of passages."""

from model.evaluation.passage import Passage
from music.score import Note
from music.time import Tick
from tests.model.evaluation.made_passages import beat, passage, together


def test_a_cut_counts_from_its_own_first_bar_and_ends_what_still_sounds() -> None:
    made = passage((0, 60, 1), (4, 62, 8), (8, 64, 1), bars=3)
    assert made.cut(1, 1) == passage((0, 62, 4), bars=1)


def test_then_undoes_cut() -> None:
    made = passage((0, 60, 1), (4, 62, 2), (8, 64, 1), bars=3)
    assert made.cut(0, 1).then(made.cut(1, 2)) == made


def test_parts_and_joined_undo_each_other() -> None:
    made = together(passage((0, 60, 1)), beat())
    assert made.parts([0]).joined(made.parts([1])) == made
    assert made.pitched == made.parts([0]).notes


def test_bars_hold_what_begins_in_them() -> None:
    made = passage((0, 60, 6), (4, 62, 1), bars=2)
    assert [[note.pitch for note in bar] for bar in made.by_bar] == [[60], [62]]


def test_a_tick_is_as_long_as_the_tempo_says() -> None:
    assert Passage((), (0,), 1, bpm=60).seconds(480) == 1
    assert passage((0, 60, 1)).score().notes == (Note(Tick(0), 0, 60, 64, 480),)
