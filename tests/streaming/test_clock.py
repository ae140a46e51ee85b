"""The player's clock and the server's belief about it."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from music.time import Nanos, Tempo, TempoMap, Tick
from streaming.clock import MEMORY, PATIENCE, PlayerClock, RemoteClock

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


def test_a_clock_that_follows_another_goes_on_from_where_it_is_told() -> None:
    clock = PlayerClock(120)
    clock.follow(Tick(1_920), Nanos(5_000 * MS), 60)
    assert clock.runs
    assert clock.tick_at(Nanos(6_000 * MS)) == 2_400
    assert clock.nanos_at(Tick(1_440)) == 4_000 * MS
    assert clock.tick_at(Nanos(0)) == 0


def test_a_new_tempo_begins_where_the_clock_is() -> None:
    clock = PlayerClock(120)
    clock.turn_to(60, Nanos(0))
    assert not clock.runs
    clock.play(Nanos(1_000 * MS))
    clock.turn_to(240, Nanos(3_000 * MS))
    assert clock.tick_at(Nanos(3_000 * MS)) == 960
    assert clock.tick_at(Nanos(3_500 * MS)) == 960 + 960


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


@given(st.lists(st.tuples(st.integers(40, 300), st.integers(0, 15)), min_size=2, max_size=40))
def test_a_changing_tempo_is_followed_as_closely_as_messages_come(beats: list[tuple[int, int]]) -> None:
    """Every 250 ms another tempo and a message of it, delayed by as much as 15 ms: the estimate is never later than
    that, and ahead by no more than one fall of the tempo, however many there were."""
    fall = (max(bpm for bpm, _ in beats) * 265 + PATIENCE // MS * 300) * 480 // 60_000
    clock, tick, now = RemoteClock(float(beats[0][0])), 0.0, 0
    for bpm, delay_ms in beats:
        arrival = now + delay_ms * MS
        clock.turn_to(float(bpm), Tick(round(tick)), Nanos(arrival))
        clock.heard(Tick(round(tick)), Nanos(arrival))
        ticks_per_ms = bpm * 480 / 60_000
        true = tick + delay_ms * ticks_per_ms
        estimate = clock.tick_at(Nanos(arrival))
        assert estimate is not None
        assert estimate >= true - 15 * ticks_per_ms - 2
        assert estimate <= true + fall
        now, tick = now + 250 * MS, tick + 250 * ticks_per_ms


def test_a_tempo_that_falls_leaves_the_clock_where_it_is() -> None:
    """The message that says so is as late as most: the server had run ahead by the old tempo for a quarter second."""
    clock = RemoteClock(140)
    clock.heard(Tick(0), Nanos(0))
    quarter_second_later = Tick(180)  # at 90 bpm
    clock.turn_to(90, quarter_second_later, Nanos(250 * MS))
    clock.heard(quarter_second_later, Nanos(250 * MS))
    assert clock.bpm == pytest.approx(90)
    patience = PATIENCE / MS * 90 * 480 / 60_000
    assert clock.tick_at(Nanos(1_250 * MS)) == pytest.approx(180 + 720 + patience, abs=2)


def test_a_new_tempo_keeps_what_is_known_of_delays() -> None:
    """The message of the new tempo is 10 ms later than the best before it."""
    clock = RemoteClock(120)
    clock.heard(Tick(960), Nanos(1_000 * MS))
    clock.turn_to(60, Tick(1_910), Nanos(2_000 * MS))
    clock.heard(Tick(1_910), Nanos(2_000 * MS))
    assert clock.tick_at(Nanos(2_000 * MS)) == 1_920
    clock.heard(Tick(1_958), Nanos(2_100 * MS))
    assert clock.tick_at(Nanos(2_100 * MS)) == 1_920 + 48


def test_a_clock_that_stands_waits_and_goes_on() -> None:
    clock = RemoteClock(120)
    clock.heard(Tick(960), Nanos(1_000 * MS))
    clock.stand(Tick(1_000))
    assert clock.stands
    assert clock.tick_at(Nanos(90_000 * MS)) == 1_000
    clock.turn_to(60, Tick(1_000), Nanos(90_000 * MS))
    clock.heard(Tick(1_000), Nanos(90_000 * MS))
    assert not clock.stands
    assert clock.tick_at(Nanos(91_000 * MS)) == 1_480
