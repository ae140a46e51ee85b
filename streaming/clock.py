"""Whose tick is it now: the player's clock, and what the server believes of it.

Both are pure: they read no clock, `now` is given. They know nothing of messages or of bar lines.
"""

from collections import deque
from typing import Final

from music.time import Nanos, Tempo, TempoMap, Tick

MEMORY: Final = Nanos(10_000_000_000)  # how long a RemoteClock trusts the best message it has heard
PATIENCE: Final = Nanos(20_000_000)  # a message of a new tempo that seems later than this shows where the clock is


class PlayerClock:
    """The clock at the player's side. It stands still until the first human note, which is tick 0: bar 1, beat 1.

    Or until it follows another clock. Never blocks; use from one thread.
    """

    def __init__(self, bpm: float) -> None:
        self._tempo = _even(bpm)
        self._anchor: tuple[Nanos, Tick] | None = None  # a moment and its tick

    @property
    def runs(self) -> bool:
        return self._anchor is not None

    @property
    def bpm(self) -> float:
        return self._tempo.bpm_at(Tick(0))

    def reset(self) -> None:
        """Stand still again, until the next first note."""
        self._anchor = None

    def play(self, nanos: Nanos) -> Tick:
        """The tick of a human note at `nanos`; the first one starts the clock."""
        if self._anchor is None:
            self._anchor = nanos, Tick(0)
        return self._tick(nanos, self._anchor)

    def follow(self, tick: Tick, nanos: Nanos, bpm: float) -> None:
        """At `nanos` it is `tick`, and from there it goes on at this tempo. Starts a clock that stands."""
        self._anchor, self._tempo = (nanos, tick), _even(bpm)

    def turn_to(self, bpm: float, nanos: Nanos) -> None:
        """From `nanos` on, another tempo."""
        tick = self.tick_at(nanos)
        self._tempo = _even(bpm)
        if tick is not None:
            self._anchor = nanos, tick

    def tick_at(self, nanos: Nanos) -> Tick | None:
        """None until the clock runs; 0 before its start."""
        return None if self._anchor is None else self._tick(nanos, self._anchor)

    def nanos_at(self, tick: Tick) -> Nanos | None:
        """None until the clock runs."""
        if self._anchor is None:
            return None
        nanos, anchor = self._anchor
        return Nanos(nanos + self._tempo.nanos_at(Tick(tick - anchor)))

    def _tick(self, nanos: Nanos, anchor: tuple[Nanos, Tick]) -> Tick:
        return Tick(max(0, anchor[1] + self._tempo.tick_at(Nanos(nanos - anchor[0]))))


class RemoteClock:
    """Where the server believes the player's clock to be.

    The network only ever delays: of all messages of the last ten seconds, the one that puts tick 0 earliest was
    delayed least and is believed. So the estimate may be late, by that delay, and is never more than the
    rounding of one tick early, or PATIENCE after the tempo fell. It never runs backwards. Never blocks; use from one
    thread.
    """

    def __init__(self, bpm: float, newest: Tick = Tick(0)) -> None:
        self._tempo = _even(bpm)
        self._stands = False
        self._starts: deque[tuple[Nanos, Nanos]] = deque()  # (heard at, tick 0 at): earliest start first
        self._newest = newest  # the latest tick this clock has told

    def heard(self, tick: Tick, now: Nanos) -> None:
        """A message that carries `tick` arrived at `now`. A clock that stood runs again."""
        self._stands = False
        start = Nanos(now - self._tempo.nanos_at(tick))
        while self._starts and self._starts[-1][1] >= start:
            self._starts.pop()  # older and worse: it can never be the best again
        self._starts.append((now, start))
        while self._starts[0][0] < now - MEMORY:
            self._starts.popleft()

    @property
    def stands(self) -> bool:
        return self._stands

    @property
    def is_known(self) -> bool:
        """A tick was heard."""
        return self._stands or bool(self._starts)

    @property
    def bpm(self) -> float:
        return self._tempo.bpm_at(Tick(0))

    def turn_to(self, bpm: float, tick: Tick, now: Nanos) -> None:
        """The player's clock has this tempo, says a message that carries `tick` and arrived at `now`.

        What was believed so far is bound to it: the tempo may have fallen since the message before.
        """
        tempo = _even(bpm)
        if tempo.changes == self._tempo.changes:
            return
        believed = self.tick_at(now)
        if believed is not None and self._starts:
            believed = Tick(max(tick, min(believed, tick + tempo.tick_at(PATIENCE))))
            best, start = self._starts[0][1], Nanos(now - tempo.nanos_at(believed))
            self._starts = deque((heard, Nanos(start + each - best)) for heard, each in self._starts)
        self._tempo = tempo

    def stand(self, tick: Tick) -> None:
        """The player's clock stands at `tick`."""
        self._stands = True
        self._starts.clear()
        self._newest = max(self._newest, tick)

    def tick_at(self, now: Nanos) -> Tick | None:
        """None until a tick was heard; extrapolates at the player's tempo."""
        if self._stands:
            return self._newest
        if not self._starts:
            return None
        self._newest = max(self._newest, self._tempo.tick_at(Nanos(now - self._starts[0][1])))
        return self._newest


def _even(bpm: float) -> TempoMap:
    return TempoMap([Tempo.from_bpm(bpm)])
