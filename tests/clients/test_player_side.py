"""Keys become notes with ticks, plans become sound with due times."""

import pytest

from clients.held_keys import KeyEvent
from clients.player_side import LATEST, HumanNote, PlayerSide, Sound, channel_of
from music.time import Nanos
from streaming.messages import Plan, PlannedNote

MS = 1_000_000
START = 5_000 * MS


def planned(id: int, tick: int = 480) -> PlannedNote:
    return PlannedNote(id=id, tick=tick, duration=240, part=1, pitch=60, velocity=90)


def playing(offset_ms: int = 0) -> PlayerSide:
    side = PlayerSide(120, {1: 0}, Nanos(offset_ms * MS))
    side.play(KeyEvent(Nanos(START), 60, 80))
    return side


def test_the_first_key_starts_the_clock() -> None:
    side = PlayerSide(120, {1: 0})
    assert side.play(KeyEvent(Nanos(START), 60, 80)) == HumanNote(0, 60, 80)  # type: ignore[arg-type]
    assert side.play(KeyEvent(Nanos(START + 250 * MS), 60, 0)).tick == 240


def test_a_committed_note_is_due_at_its_tick() -> None:
    sounds = playing().follow(Plan(add=(planned(7),), commit=(7,)), Nanos(START))
    assert sounds == [Sound(7, Nanos(START + 500 * MS), Nanos(START + 750 * MS), 1, 60, 90)]


@pytest.mark.parametrize("offset_ms", [-20, 35])
def test_the_users_offset_moves_both_ends(offset_ms: int) -> None:
    (sound,) = playing(offset_ms).follow(Plan(add=(planned(7),), commit=(7,)), Nanos(START))
    assert sound.due == START + (500 + offset_ms) * MS
    assert sound.off == START + (750 + offset_ms) * MS


@pytest.mark.parametrize(("offset_ms", "tick"), [(0, 96), (35, 96), (-20, 115), (-500, 576)])
def test_the_server_plans_ahead_by_what_the_offset_takes(offset_ms: int, tick: int) -> None:
    """Else every note would come late by it. 960 ticks are a second."""
    side, now = playing(offset_ms), Nanos(START + 100 * MS)
    assert side.due_tick(now) == tick
    assert side.play(KeyEvent(now, 60, 0)).tick == 96  # what was played was played then


def test_a_note_planned_for_the_servers_now_is_in_time() -> None:
    side, now = playing(-40), Nanos(START + 100 * MS)
    tick = side.due_tick(now)
    assert tick is not None
    (sound,) = side.follow(Plan(add=(planned(7, tick + 1),), commit=(7,)), now)
    assert 0 <= sound.due - now < 2 * MS
    assert side.in_time == 1


def test_before_the_first_key_no_tick_is_due() -> None:
    assert PlayerSide(120, {1: 0}, Nanos(-40 * MS)).due_tick(Nanos(START)) is None


def test_a_tentative_note_waits_for_its_commit() -> None:
    side = playing()
    assert side.follow(Plan(add=(planned(7), planned(8))), Nanos(START)) == []
    assert [sound.id for sound in side.follow(Plan(commit=(8,)), Nanos(START))] == [8]
    assert side.follow(Plan(commit=(8,)), Nanos(START)) == []


def test_a_cancelled_note_never_sounds() -> None:
    side = playing()
    side.follow(Plan(add=(planned(7),)), Nanos(START))
    side.follow(Plan(cancel=(7, 99)), Nanos(START))
    assert side.follow(Plan(commit=(7,)), Nanos(START)) == []


def test_a_note_that_comes_too_late_is_left_out_and_counted() -> None:
    side = playing()
    due = START + 500 * MS
    late, too_late = Nanos(due + LATEST), Nanos(due + LATEST + 1)
    assert len(side.follow(Plan(add=(planned(0),), commit=(0,)), Nanos(due))) == 1
    assert len(side.follow(Plan(add=(planned(1),), commit=(1,)), late)) == 1
    assert side.follow(Plan(add=(planned(2),), commit=(2,)), too_late) == []
    assert (side.in_time, side.late, side.dropped) == (1, 1, 1)


def test_without_a_clock_nothing_can_be_due() -> None:
    side = PlayerSide(120, {1: 0})
    assert side.follow(Plan(add=(planned(1),), commit=(1,)), Nanos(0)) == []
    assert side.dropped == 1


def test_a_new_session_knows_nothing_of_the_old_plan() -> None:
    side = playing()
    side.follow(Plan(add=(planned(7),)), Nanos(START))
    side.reset()
    side.play(KeyEvent(Nanos(START), 60, 80))
    assert side.follow(Plan(commit=(7,)), Nanos(START)) == []


def test_melodic_parts_step_over_the_drum_channel() -> None:
    assert [channel_of(part, 0) for part in range(16)] == [*range(9), *range(10, 16), 0]
    assert channel_of(3, 128) == 9
