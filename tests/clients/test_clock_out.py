"""Our clock as others hear it: as many pulses as there are ticks, start and stop, and none while a DAW leads."""

from itertools import pairwise

import pytest

from clients.clock_out import AHEAD, ClockOut
from music.messages import song_position
from music.time import Nanos, Tick
from streaming.clock import PlayerClock

MS = 1_000_000
START, CONTINUE, STOP, PULSE = b"\xfa", b"\xfb", b"\xfc", b"\xf8"


def heard(clock: PlayerClock, out: ClockOut, begin: int, end: int, *, leads: bool = True) -> list[tuple[int, bytes]]:
    """What is told, asked every 30 ms."""
    return [each for now in range(begin, end, 30 * MS) for each in out.messages(Nanos(now), leads=leads)]


def test_a_clock_that_stands_says_nothing() -> None:
    clock = PlayerClock(120)
    assert heard(clock, ClockOut(clock), 0, 500 * MS) == []


def test_it_starts_with_the_first_note_and_every_pulse_is_told_ahead_and_once() -> None:
    clock = PlayerClock(125)
    out = ClockOut(clock)
    clock.play(Nanos(1_000 * MS))
    told = heard(clock, out, 1_002 * MS, 3_000 * MS)
    assert told[0] == (1_002 * MS, START)
    pulses = [due for due, message in told if message == PULSE]
    assert pulses[0] == 1_002 * MS
    assert pulses[1:] == [1_000 * MS + i * 20 * MS for i in range(1, len(pulses))]
    assert pulses[-1] > 2_980 * MS + AHEAD - 40 * MS


def test_a_new_tempo_leaves_out_no_pulse() -> None:
    clock = PlayerClock(125)
    out = ClockOut(clock)
    clock.play(Nanos(0))
    told = heard(clock, out, 0, 1_000 * MS)
    clock.turn_to(250, Nanos(1_000 * MS))
    told += heard(clock, out, 1_000 * MS, 2_000 * MS)
    pulses = [due for due, message in told if message == PULSE]
    assert pulses == sorted(pulses)
    assert clock.tick_at(Nanos(pulses[-1])) == (len(pulses) - 1) * 20


def test_when_a_daw_leads_ours_stops_and_later_goes_on_at_its_place() -> None:
    clock = PlayerClock(125)
    out = ClockOut(clock)
    clock.play(Nanos(0))
    heard(clock, out, 0, 900 * MS)
    assert heard(clock, out, 900 * MS, 1_500 * MS, leads=False) == [(900 * MS, STOP), (900 * MS, song_position(7))]
    clock.follow(Tick(1_920 + 7), Nanos(2_000 * MS), 125)
    told = heard(clock, out, 2_000 * MS, 2_300 * MS)
    assert [message for _, message in told[:2]] == [b"\xf2\x11\x00", CONTINUE]
    due, message = told[2]
    assert message == PULSE
    assert clock.tick_at(Nanos(due)) == 17 * 120


@pytest.mark.parametrize("tick", [0, 5_000])
def test_a_clock_that_leaps_is_told_anew(tick: int) -> None:
    clock = PlayerClock(125)
    out = ClockOut(clock)
    clock.play(Nanos(0))
    heard(clock, out, 0, 2_000 * MS)
    clock.follow(Tick(tick), Nanos(2_000 * MS), 125)
    told = heard(clock, out, 2_000 * MS, 2_030 * MS)
    assert next(message for _, message in told if message != PULSE) == STOP
    assert (START in [message for _, message in told]) is (tick == 0)
    behind = [due for due, message in told[[message for _, message in told].index(STOP) :] if message == PULSE]
    assert len(behind) > 5
    assert {after - before for before, after in pairwise(behind[1:])} == {20 * MS}


@pytest.mark.parametrize(
    ("offset_ms", "first", "begins"), [(35, 0, [START]), (-40, 0, [START]), (-200, 12, [b"\xf2\x02\x00", CONTINUE])]
)
def test_the_users_offset_moves_every_pulse_but_none_into_the_past(
    offset_ms: int, first: int, begins: list[bytes]
) -> None:
    clock = PlayerClock(125)
    out = ClockOut(clock, Nanos(offset_ms * MS))
    clock.play(Nanos(1_000 * MS))
    told = heard(clock, out, 1_002 * MS, 3_000 * MS)
    assert [message for _, message in told if message != PULSE] == begins
    pulses = [due for due, message in told if message == PULSE]
    moved = [(1_000 + offset_ms + number * 20) * MS for number in range(first, first + len(pulses))]
    assert pulses == [max(1_002 * MS, due) for due in moved]
