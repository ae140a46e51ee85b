"""The player's clock and the server's belief about it."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from music.time import Nanos, Tempo, TempoMap, Tick
from streaming.clock import MEMORY, PlayerClock, RemoteClock

BPMS = st.integers(20, 400).map(float)
MS = 1_000_000


def test_the_clock_stands_still_until_the_first_note() -> None:
    clock = PlayerClock(120)
    assert not clock.runs
    assert clock.tick_at(Nanos(5)) is None
    assert clock.nanos_at(Tick(5)) is None


def test_the_first_note_is_bar_one_beat_one() -> None:
    clock = PlayerClock(120)
    assert clock.play(Nanos(7_000 * MS)) == 0
    assert clock.play(Nanos(7_500 * MS)) == 480
    assert clock.nanos_at(Tick(960)) == 8_000 * MS


def test_a_moment_before_the_first_note_is_no_negative_tick() -> None:
    clock = PlayerClock(120)
    clock.play(Nanos(7_000 * MS))
    assert clock.tick_at(Nanos(6_999 * MS)) == 0


def test_after_a_reset_the_next_note_is_the_first() -> None:
    clock = PlayerClock(120)
    clock.play(Nanos(0))
    clock.reset()
    assert not clock.runs
    assert clock.play(Nanos(12_345)) == 0


@given(BPMS, st.integers(0, 10**15), st.integers(0, 10**7))
def test_ticks_survive_the_way_through_the_clock(bpm: float, anchor: int, tick: int) -> None:
    clock = PlayerClock(bpm)
    clock.play(Nanos(anchor))
    nanos = clock.nanos_at(Tick(tick))
    assert nanos is not None
    assert clock.tick_at(nanos) == tick


@dataclass(frozen=True)
class Sent:
    pause_ms: int
    delay_ms: int


SENT = st.lists(st.builds(Sent, st.integers(0, 2_000), st.integers(0, 500)), min_size=1, max_size=60)


def test_a_remote_clock_knows_nothing_before_it_hears_a_tick() -> None:
    assert RemoteClock(120).tick_at(Nanos(0)) is None


@given(BPMS, SENT)
def test_the_estimate_is_never_early_and_as_late_as_the_least_delay(bpm: float, messages: list[Sent]) -> None:
    """One tick of tolerance: a tick on the wire is the nearest one."""
    tempo, clock = TempoMap([Tempo.from_bpm(bpm)]), RemoteClock(bpm)
    arrivals, sent_at = [], 0
    for message in messages:
        sent_at += message.pause_ms * MS
        arrivals.append((sent_at + message.delay_ms * MS, message.delay_ms * MS, tempo.tick_at(Nanos(sent_at))))
    recent: list[tuple[int, int]] = []
    for now, delay, tick in sorted(arrivals):
        clock.heard(tick, Nanos(now))
        recent = [(at, d) for at, d in recent if at >= now - MEMORY] + [(now, delay)]
        estimate = clock.tick_at(Nanos(now))
        assert estimate is not None
        assert estimate <= tempo.tick_at(Nanos(now)) + 1
        assert estimate >= tempo.tick_at(Nanos(now - min(d for _, d in recent))) - 1


@given(SENT, st.integers(0, 10**5))
def test_a_remote_clock_never_runs_backwards(messages: list[Sent], jump: int) -> None:
    """Not even when the player's ticks do: it waits until they have caught up."""
    clock, now, last = RemoteClock(120), 0, 0
    for i, message in enumerate(messages):
        now += message.pause_ms * MS
        clock.heard(Tick(jump if i == 0 else message.delay_ms), Nanos(now))
        estimate = clock.tick_at(Nanos(now))
        assert estimate is not None
        assert estimate >= last
        last = estimate


def test_between_messages_it_runs_on_at_the_tempo() -> None:
    clock = RemoteClock(120)
    clock.heard(Tick(480), Nanos(1_000 * MS))
    assert clock.tick_at(Nanos(1_500 * MS)) == 960
    assert clock.tick_at(Nanos(60_000 * MS)) == 480 + 59 * 960


@pytest.mark.parametrize(("seconds", "expected"), [(9, 9_600), (11, 11 * 960 - 480)])
def test_a_lucky_message_is_believed_for_ten_seconds(seconds: int, expected: int) -> None:
    """The first message says the clock is half a second further than all later ones, which are slower."""
    clock = RemoteClock(120)
    clock.heard(Tick(960), Nanos(0))
    clock.heard(Tick(seconds * 960 - 480), Nanos(seconds * 1_000 * MS))
    estimate = clock.tick_at(Nanos(seconds * 1_000 * MS))
    assert estimate == expected
