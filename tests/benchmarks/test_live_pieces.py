"""Which recordings are played with, and who of the players is the human."""

from dataclasses import replace

import pytest

from benchmarks.live_pieces import BASS, choose_performances, performance_of
from model.training.corpus import Piece
from music.score import DRUMS
from music.time import FREE, Meter, MeterChange, Tick
from tests.benchmarks.made_pieces import made_piece


def test_a_performance_begins_four_bars_after_the_humans_first_bar() -> None:
    found = performance_of(made_piece(begin=2))
    assert found is not None
    assert (found.before.bars, found.played.bars) == (4, 8)
    assert {note.part for note in found.human.notes} == {0}
    assert [note.onset for note in found.human.notes] == [480 * i for i in range(32)]
    assert found.human.notes[0].pitch == 60
    assert found.partner is not None
    assert {note.part for note in found.partner.notes} == {1}


def test_a_drummer_alone_is_given_a_bass_and_has_no_partner() -> None:
    found = performance_of(made_piece(source="groove", programs=(DRUMS,)))
    assert found is not None
    assert found.played.programs == (DRUMS, BASS)
    assert found.partner is None


def test_bars_of_one_beat_are_counted_in_four() -> None:
    found = performance_of(made_piece(meter=Meter(1, 4)))
    assert found is not None
    assert found.played.meter == Meter()


@pytest.mark.parametrize(
    "piece",
    [
        made_piece(bars=8),
        made_piece(meter=FREE),
        made_piece(programs=(0,)),
        replace(made_piece(), meters=(MeterChange(Tick(0), Meter()), MeterChange(Tick(9600), Meter(3, 4)))),
    ],
    ids=["too short", "without bars", "nobody to play with", "another meter on the way"],
)
def test_what_cannot_be_played_with_is_left_out(piece: Piece) -> None:
    assert performance_of(piece) is None


def test_kinds_take_turns_and_versions_of_one_piece_count_once() -> None:
    songs = [replace(made_piece(begin=i), family=str(i // 2)) for i in range(4)]
    drums = [replace(made_piece(source="groove", programs=(DRUMS,)), family="drums")]
    found = choose_performances([*songs, *drums, made_piece(source="irish_abc")])
    assert [each.kind for each in found] == ["song", "drums", "song"]
