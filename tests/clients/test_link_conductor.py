"""Where Ableton Link keeps the time: everybody's bars, tempo, start and stop."""

from dataclasses import dataclass

import pytest

from clients.conductor import Change
from clients.link_conductor import LinkConductor
from music.time import Nanos
from streaming.clock import PlayerClock

MS = 1_000_000
BAR = 1_920


@dataclass
class Session:
    bpm: float = 120.0
    quarter: float = 0.0
    plays: bool = False


class Studio:
    """Time passes for all."""

    def __init__(self, quarter: float = 101.5) -> None:
        self.session = Session(quarter=quarter)
        self.clock = PlayerClock(120)
        self.conductor = LinkConductor(self.clock, self.session, BAR)
        self.now = 1_000_000 * MS

    @property
    def at(self) -> Nanos:
        return Nanos(self.now)

    def wait(self, quarters: float) -> list[Change]:
        """Looked at every 30 ms."""
        changes = []
        end = self.session.quarter + quarters
        while self.session.quarter < end - 1e-9:
            step = min(end - self.session.quarter, 0.03 * self.session.bpm / 60)
            self.session.quarter += step
            self.now += round(step * 60e9 / self.session.bpm)
            changes.append(self.conductor.watch(self.at))
        return [change for change in changes if change]


def test_the_first_key_begins_in_the_bar_of_all() -> None:
    studio = Studio(quarter=101.5)
    assert studio.wait(1) == []
    assert studio.conductor.bpm is None
    assert studio.conductor.key(studio.at) is None
    assert studio.conductor.tick_of(studio.at) == 2.5 * 480
    studio.wait(2)
    assert studio.clock.tick_at(studio.at) == pytest.approx(4.5 * 480, abs=1)
    assert studio.conductor.bpm == 120


@pytest.mark.parametrize(("quarter", "rest"), [(101.5, 2.5), (103.99, 0.01), (104.0, 0.0), (104.1, -0.1)])
def test_a_start_is_a_take_at_the_next_bar_line(quarter: float, rest: float) -> None:
    """Or at the one just now."""
    studio = Studio(quarter)
    studio.session.plays = True
    assert studio.wait(0.05) == [Change.TAKE]
    assert studio.clock.tick_at(studio.at) == pytest.approx(max(0, 0.05 - rest) * 480, abs=1)
    assert studio.wait(4) == []
    assert studio.clock.tick_at(studio.at) == pytest.approx((4.05 - rest) * 480, abs=1)


def test_a_stop_is_a_stop_and_the_next_start_another_take() -> None:
    studio = Studio(104)
    studio.session.plays = True
    studio.wait(3)
    studio.session.plays = False
    assert studio.wait(0.05) == [Change.STOP]
    assert studio.conductor.bpm == 0
    assert studio.conductor.stands_at == pytest.approx(3.05 * 480, abs=1)
    assert not studio.conductor.listens
    studio.session.plays = True
    assert studio.wait(0.05) == [Change.TAKE]
    assert studio.conductor.listens


def test_after_a_stop_a_key_goes_on_in_the_bar_of_all_after_a_pause() -> None:
    studio = Studio(104)
    studio.session.plays = True
    studio.wait(3)
    studio.session.plays = False
    studio.wait(1.5)
    assert studio.conductor.key(studio.at) is None
    assert studio.conductor.tick_of(studio.at) == studio.conductor.stands_at
    studio.wait(5)
    assert studio.conductor.key(studio.at) is Change.GO_ON
    assert studio.conductor.tick_of(studio.at) == pytest.approx(BAR + 1.5 * 480, abs=1)


def test_everybodys_tempo_is_told_also_when_it_creeps() -> None:
    studio = Studio()
    studio.conductor.key(studio.at)
    studio.session.bpm = 132
    assert studio.wait(0.1) == [Change.TEMPO]
    assert studio.conductor.bpm == 132
    assert studio.conductor.tempo == 132
    changes = []
    for _ in range(20):
        studio.session.bpm += 0.3
        changes += studio.wait(0.06)
    assert changes.count(Change.TEMPO) >= 5


@pytest.mark.parametrize(("moved", "expected"), [(0.05, 0.05), (9.0, 1.0), (-1.0, 3.0), (-4.0, 0.0)])
def test_a_beat_that_somebody_moves_is_followed_to_the_same_place_in_a_later_bar(moved: float, expected: float) -> None:
    studio = Studio(100)
    studio.conductor.key(studio.at)
    studio.wait(2)
    studio.session.quarter += moved
    studio.wait(0.06)
    assert studio.clock.tick_at(studio.at) == pytest.approx((2.06 + expected) * 480, abs=3)


def test_those_who_play_already_take_along_who_comes_later() -> None:
    studio = Studio(100)
    studio.session.plays = True
    studio.wait(2)
    studio.conductor.reset()
    assert not studio.clock.runs
    assert studio.wait(0.06) == [Change.TAKE]


def test_taps_and_midi_clocks_are_nobodys() -> None:
    studio = Studio()
    studio.conductor.tap(studio.at)
    studio.conductor.hear(b"\xfa", studio.at)
    assert studio.wait(1) == []
    assert not studio.clock.runs
