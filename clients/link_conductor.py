"""Who keeps the time where Ableton Link does: tempo and bar lines are everybody's, start and stop too.

Pure, but for the session that it looks at. Knows no ports and no server.
"""

from math import ceil, floor
from typing import Final, Protocol

from clients.conductor import PAUSE, Change, Conductor
from music.time import TICKS_PER_QUARTER, Nanos, Tick
from streaming.clock import PlayerClock

NEAR: Final = 0.25  # quarters: a bar line so little ago is meant by a start
LEAP: Final = TICKS_PER_QUARTER // 8  # more is no drift: somebody moved the beat
SLIP: Final = 2  # ticks; less is left as it is


class Session(Protocol):
    """What a conductor looks at; tests pass one of their own."""

    @property
    def bpm(self) -> float: ...

    @property
    def quarter(self) -> float: ...

    @property
    def plays(self) -> bool: ...


class LinkConductor(Conductor):
    """A key begins in the bar of all; a start begins a take at their next bar."""

    source = "Ableton Link"
    leads = False
    is_taking = False

    def __init__(self, clock: PlayerClock, session: Session, bar: int) -> None:
        super().__init__(clock, bar)
        self._session = session
        self._first = 0.0  # the quarter that is tick 0
        self._plays = session.plays
        self._key_at = Nanos(-PAUSE)

    @property
    def listens(self) -> bool:
        """Keys that go down now are heard. Not where all have been stopped."""
        return self._stands_at is None

    @property
    def tempo(self) -> float:
        return round(self._session.bpm, 2)

    def tick_of(self, at: Nanos) -> Tick:
        tick = self._clock.tick_at(at)
        return (self._stands_at or Tick(0)) if tick is None else tick

    def reset(self) -> None:
        """The session with the server is over: a first key begins the next, or those who play already have."""
        self._clock.reset()
        self._stands_at = None
        self._plays = False

    def key(self, at: Nanos) -> Change | None:
        """A key goes down: the first begins; after a stop, one after a pause goes on at the next bar line."""
        before, self._key_at = self._key_at, at
        if self._stands_at is not None:
            if at - before < PAUSE:
                return None
            self._begin(at, -self._quarters(self._bar_line(self._stands_at)))
            return Change.GO_ON
        if not self._clock.runs:
            self._begin(at)
        return None

    def tap(self, at: Nanos) -> None:
        """The tempo is everybody's."""

    def hear(self, message: bytes, at: Nanos) -> None:
        """One master at a time: a MIDI clock is none."""

    def watch(self, now: Nanos) -> Change | None:
        before, self._plays = self._plays, self._session.plays
        if self._plays and not before:
            return self._take(now)
        if before and not self._plays and self._clock.runs:
            self._stands_at, self._key_at = self._clock.tick_at(now), now
            self._clock.reset()
            return Change.STOP
        return self._follow(now) if self._clock.runs else None

    def _take(self, now: Nanos) -> Change:
        bar = self._quarters(self._bar)
        self._stands_at = None
        self._told_bpm = self._session.bpm
        self._first = ceil((self._session.quarter - NEAR) / bar) * bar
        self._turn(now)
        return Change.TAKE

    def _begin(self, at: Nanos, later: float = 0.0) -> None:
        """In the bar of all that is now, and so many quarters later."""
        bar = self._quarters(self._bar)
        self._first = floor(self._session.quarter / bar) * bar + later
        self._stands_at = None
        self._turn(at)

    def _follow(self, now: Nanos) -> Change | None:
        expected, bpm = self._clock.tick_at(now), self._session.bpm
        assert expected is not None
        ahead = max(0.0, self._tick()) - expected  # before tick 0 it stands there
        if abs(ahead) > LEAP:  # whole bars, so that bar lines agree and time does not run backwards
            self._first += floor(ahead / self._bar) * self._quarters(self._bar)
        if abs(ahead) > SLIP or bpm != self._clock.bpm:
            self._turn(now)
        if not self._is_news(bpm):
            return None
        self._told_bpm = bpm
        return Change.TEMPO

    def _turn(self, now: Nanos) -> None:
        """The clock shows what the session does: exactly, at the newest whole tick, or at tick 0 that is to come."""
        exact, bpm = self._tick(), self._session.bpm
        tick = Tick(max(0, floor(exact)))
        self._clock.follow(tick, Nanos(round(now + (tick - exact) * 60e9 / bpm / TICKS_PER_QUARTER)), bpm)

    def _tick(self) -> float:
        return (self._session.quarter - self._first) * TICKS_PER_QUARTER

    @staticmethod
    def _quarters(ticks: int) -> float:
        return ticks / TICKS_PER_QUARTER
