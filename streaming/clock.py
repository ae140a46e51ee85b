"""Whose tick is it now: the player's clock, and what the server believes of it.

Both are pure: they read no clock, `now` is given. They know nothing of messages or of bar lines.
"""

from collections import deque
from typing import Final

from music.time import Nanos, Tempo, TempoMap, Tick

MEMORY: Final = Nanos(10_000_000_000)  # how long a RemoteClock trusts the best message it has heard


class PlayerClock:
    """The clock at the player's side. It stands still until the first human note, which is tick 0: bar 1, beat 1.

    Never blocks; use from one thread.
    """

    def __init__(self, bpm: float) -> None:
        self._tempo = TempoMap([Tempo.from_bpm(bpm)])
        self._anchor: Nanos | None = None

    @property
    def runs(self) -> bool:
        return self._anchor is not None

    def reset(self) -> None:
        """Stand still again, until the next first note."""
        self._anchor = None

    def play(self, nanos: Nanos) -> Tick:
        """The tick of a human note at `nanos`; the first one starts the clock."""
        if self._anchor is None:
            self._anchor = nanos
        return self._tick(nanos, self._anchor)

    def tick_at(self, nanos: Nanos) -> Tick | None:
        """None until the clock runs; 0 before its start."""
        return None if self._anchor is None else self._tick(nanos, self._anchor)

    def nanos_at(self, tick: Tick) -> Nanos | None:
        """None until the clock runs."""
        return None if self._anchor is None else Nanos(self._anchor + self._tempo.nanos_at(tick))

    def _tick(self, nanos: Nanos, anchor: Nanos) -> Tick:
        return self._tempo.tick_at(Nanos(max(0, nanos - anchor)))


class RemoteClock:
    """Where the server believes the player's clock to be.

    The network only ever delays: of all messages of the last ten seconds, the one that puts tick 0 earliest was
    delayed least and is believed. So the estimate may be late, by that delay, and is never more than the
    rounding of one tick early. It never runs backwards. Never blocks; use from one thread.
    """

    def __init__(self, bpm: float, newest: Tick = Tick(0)) -> None:
        self._tempo = TempoMap([Tempo.from_bpm(bpm)])
        self._starts: deque[tuple[Nanos, Nanos]] = deque()  # (heard at, tick 0 at): earliest start first
        self._newest = newest  # the latest tick this clock has told

    def heard(self, tick: Tick, now: Nanos) -> None:
        """A message that carries `tick` arrived at `now`."""
        start = Nanos(now - self._tempo.nanos_at(tick))
        while self._starts and self._starts[-1][1] >= start:
            self._starts.pop()  # older and worse: it can never be the best again
        self._starts.append((now, start))
        while self._starts[0][0] < now - MEMORY:
            self._starts.popleft()

    def tick_at(self, now: Nanos) -> Tick | None:
        """None until a tick was heard; extrapolates at the session's tempo."""
        if not self._starts:
            return None
        self._newest = max(self._newest, self._tempo.tick_at(Nanos(now - self._starts[0][1])))
        return self._newest
