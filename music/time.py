"""Musical time in integer ticks, clock time in integer nanoseconds, and the maps between them.

Knows no clock: everything that needs "now" is given it.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NewType

from music.errors import BadSetting

Tick = NewType("Tick", int)  # 480 to the quarter note: integers, so sums never drift
Nanos = NewType("Nanos", int)  # time.monotonic_ns(); wall-clock time stays out of the real-time path

TICKS_PER_QUARTER = 480
NOMINAL_BPM = 125.0  # of unmetered music: a tick is then exactly one millisecond


@dataclass(frozen=True, slots=True)
class Tempo:
    tick: Tick  # from here on
    us_per_quarter: int  # as in MIDI files; 500_000 is 120 bpm

    @classmethod
    def from_bpm(cls, bpm: float, tick: Tick = Tick(0)) -> "Tempo":
        if not 4 <= bpm <= 1000:
            raise BadSetting(f"expected a tempo of 4 to 1000 bpm, got {bpm:g}")
        return cls(tick, round(60_000_000 / bpm))

    @property
    def bpm(self) -> float:
        return 60_000_000 / self.us_per_quarter


@dataclass(frozen=True, slots=True)
class Meter:
    """A time signature; `numerator` 0 means unmetered, written in nominal 4/4 bars."""

    numerator: int = 4
    denominator: int = 4

    @property
    def bar_ticks(self) -> int:
        return (self.numerator or 4) * TICKS_PER_QUARTER * 4 // self.denominator

    @classmethod
    def parse(cls, text: str) -> "Meter":
        """ "6/8" -> Meter(6, 8)."""
        above, _, below = text.partition("/")
        counts = above.isascii() and above.isdecimal() and len(above) <= 2 and 1 <= int(above) <= 64
        if not (counts and below in {"1", "2", "4", "8", "16", "32", "64"}):
            raise BadSetting(f"expected a meter such as 4/4 or 6/8, got {text!r}")
        return cls(int(above), int(below))

    def __str__(self) -> str:
        return f"{self.numerator}/{self.denominator}" if self.numerator else "unmetered"


FREE = Meter(0, 4)


@dataclass(frozen=True, slots=True)
class MeterChange:
    tick: Tick  # from here on; starts a bar
    meter: Meter


class TempoMap:
    """Ticks to nanoseconds and back, exact to the nanosecond at any distance. Never mutated.

    Before the first change the first tempo holds. `nanos` counts from tick 0.
    """

    def __init__(self, changes: Sequence[Tempo] = ()) -> None:
        changes = sorted(changes, key=lambda change: change.tick) or [Tempo.from_bpm(120)]
        self._ticks = [Tick(0)]
        self._paces = [changes[0].us_per_quarter]
        for change in changes:
            if change.tick <= self._ticks[-1]:
                self._paces[-1] = change.us_per_quarter
            else:
                self._ticks.append(change.tick)
                self._paces.append(change.us_per_quarter)
        # In nanoseconds x 480, so that no division happens before the end.
        self._starts = [0]
        for (before, after), pace in zip(pairwise(self._ticks), self._paces, strict=False):
            self._starts.append(self._starts[-1] + (after - before) * pace * 1000)

    @property
    def changes(self) -> tuple[Tempo, ...]:
        return tuple(Tempo(tick, pace) for tick, pace in zip(self._ticks, self._paces, strict=True))

    def nanos_at(self, tick: Tick) -> Nanos:
        i = max(0, bisect_right(self._ticks, tick) - 1)
        scaled = self._starts[i] + (tick - self._ticks[i]) * self._paces[i] * 1000
        return Nanos((scaled + TICKS_PER_QUARTER // 2) // TICKS_PER_QUARTER)

    def tick_at(self, nanos: Nanos) -> Tick:
        """The nearest tick, so that `tick_at(nanos_at(t)) == t`."""
        scaled = nanos * TICKS_PER_QUARTER
        i = max(0, bisect_right(self._starts, scaled) - 1)
        pace = self._paces[i] * 1000
        tick = self._ticks[i] + (scaled - self._starts[i] + pace // 2) // pace
        return Tick(tick)

    def bpm_at(self, tick: Tick) -> float:
        i = max(0, bisect_right(self._ticks, tick) - 1)
        return Tempo(self._ticks[i], self._paces[i]).bpm


@dataclass(frozen=True, slots=True)
class Bar:
    tick: Tick  # of its first beat
    meter: Meter

    @property
    def end(self) -> Tick:
        return Tick(self.tick + self.meter.bar_ticks)


class MeterMap:
    """Where the bars are. A change of meter starts a bar, also in the middle of another, which then ends there.

    Before the first change it is 4/4. `Bar.end` is where a bar would end without such a cut; `next_bar` knows of it.
    Never mutated.
    """

    def __init__(self, changes: Sequence[MeterChange] = ()) -> None:
        ordered = sorted(changes, key=lambda change: change.tick)
        if not ordered or ordered[0].tick > 0:
            ordered.insert(0, MeterChange(Tick(0), Meter()))
        by_tick = {max(0, change.tick): change.meter for change in ordered}
        self.changes = tuple(MeterChange(Tick(tick), meter) for tick, meter in sorted(by_tick.items()))
        self._ticks = [change.tick for change in self.changes]

    def bar_at(self, tick: Tick) -> Bar:
        i = max(0, bisect_right(self._ticks, tick) - 1)
        change = self.changes[i]
        length = change.meter.bar_ticks
        return Bar(Tick(change.tick + (tick - change.tick) // length * length), change.meter)

    def next_bar(self, bar: Bar) -> Bar:
        """The bar after `bar`; a change of meter before its end starts one early."""
        i = bisect_right(self._ticks, bar.tick)
        if i < len(self._ticks) and self._ticks[i] <= bar.end:
            return Bar(self._ticks[i], self.changes[i].meter)
        return Bar(bar.end, bar.meter)
