"""Keys become notes with ticks, plans become sound with due times."""

import pytest

from clients.player_side import LATEST, MOVED, PlayerSide, Sound, channel_of, channels_of
from music.time import Nanos, Tick
from streaming.clock import PlayerClock
from streaming.messages import Plan, PlannedNote, PlayerPart

MS = 1_000_000
START = 5_000 * MS


def planned(id: int, tick: int = 480) -> PlannedNote:
    return PlannedNote(id=id, tick=tick, duration=240, part=1, pitch=60, velocity=90)


def playing(offset_ms: int = 0) -> PlayerSide:
    clock = PlayerClock(120)
    clock.play(Nanos(START))
    return PlayerSide(clock, {1: 1}, Nanos(offset_ms * MS))


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


def test_a_note_planned_for_the_servers_now_is_in_time() -> None:
    side, now = playing(-40), Nanos(START + 100 * MS)
    tick = side.due_tick(now)
    assert tick is not None
    (sound,) = side.follow(Plan(add=(planned(7, tick + 1),), commit=(7,)), now)
    assert 0 <= sound.due - now < 2 * MS
    assert side.in_time == 1


def test_before_the_first_key_no_tick_is_due() -> None:
    assert PlayerSide(PlayerClock(120), {1: 1}, Nanos(-40 * MS)).due_tick(Nanos(START)) is None


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
    side = PlayerSide(PlayerClock(120), {1: 1})
    assert side.follow(Plan(add=(planned(1),), commit=(1,)), Nanos(0)) == []
    assert side.dropped == 1


def test_a_new_session_knows_nothing_of_the_old_plan() -> None:
    side = playing()
    side.follow(Plan(add=(planned(7),)), Nanos(START))
    side.reset()
    assert side.follow(Plan(commit=(7,)), Nanos(START)) == []


def test_a_promised_note_moves_with_the_clock_until_its_time_has_come() -> None:
    clock = PlayerClock(120)
    clock.play(Nanos(START))
    side = PlayerSide(clock, {1: 1})
    side.follow(Plan(add=(planned(7), planned(8, 960)), commit=(7, 8)), Nanos(START))
    now = Nanos(START + 500 * MS)
    assert side.moved(now) == []
    clock.turn_to(60, now)
    (sound,) = side.moved(now)
    assert (sound.id, sound.due, sound.off) == (8, now + 1_000 * MS, now + 1_500 * MS)
    assert side.moved(now) == []
    clock.follow(Tick(480), Nanos(now - MOVED + 2), 60)
    assert side.moved(now) == []
    clock.follow(Tick(480), Nanos(now - MOVED), 60)
    assert [sound.due for sound in side.moved(now)] == [now + 1_000 * MS - MOVED]
    side.reset()
    clock.turn_to(120, now)
    assert side.moved(now) == []


def test_what_a_stop_silenced_is_played_when_the_clock_goes_on() -> None:
    clock = PlayerClock(120)
    clock.play(Nanos(START))
    side = PlayerSide(clock, {1: 1})
    side.follow(Plan(add=(planned(7), planned(8, 960), planned(9, 1_200)), commit=(7, 8)), Nanos(START))
    clock.reset()
    assert side.go_on(Nanos(START)) == []
    later = Nanos(START + 60_000 * MS)
    clock.follow(Tick(500), later, 60)
    (sound,) = side.go_on(later)
    assert (sound.id, sound.due) == (8, later + 460 * 60_000 * MS // (60 * 480))
    side.follow(Plan(silence=True), later)
    assert side.go_on(later) == []


def test_melodic_parts_step_over_the_drum_channel() -> None:
    assert [channel_of(part, 0) for part in range(16)] == [*range(9), *range(10, 16), 0]
    assert channel_of(3, 128) == 9
    assert channels_of([PlayerPart(part=1, program=33), PlayerPart(part=2, program=128)]) == {1: 1, 2: 9}
