"""The one tempo of a clock's newest pulses, and whether it has settled: a straight line through all of them.

Pure. Where the tempo changes, `PulseFilter` knows better; this one knows when to believe that it does not.
"""

from collections import deque
from statistics import fmean
from typing import Final

from music.time import Nanos

PULSES_PER_QUARTER: Final = 24
LEAST: Final = 12  # pulses: half a beat
MOST: Final = 48  # the newest so many; when they do not agree, more would not either
SILENCE: Final = Nanos(500_000_000)  # after such a gap the tempo may be another
SETTLED: Final = 0.0015  # of the tempo: its standard error


class EvenTempo:
    """Use from one thread."""

    def __init__(self) -> None:
        self._heard: deque[tuple[int, Nanos]] = deque(maxlen=MOST)

    def hear(self, pulses: int, came: Nanos) -> None:
        """So many pulses after the one before."""
        if self._heard and came - self._heard[-1][1] > SILENCE:
            self._heard.clear()
        number = self._heard[-1][0] + pulses if self._heard else 0
        self._heard.append((number, came))

    def forget(self) -> None:
        self._heard.clear()

    def settled(self) -> tuple[float, float] | None:
        """When the newest pulse should have been, and the period, in nanoseconds; None while more may change them."""
        if len(self._heard) < LEAST:
            return None
        middle, mean = fmean(number for number, _ in self._heard), fmean(came for _, came in self._heard)
        points = [(number - middle, came - mean) for number, came in self._heard]
        width = sum(x * x for x, _ in points)
        period = sum(x * y for x, y in points) / width
        rest = sum((y - period * x) ** 2 for x, y in points)
        error = (rest / (len(points) - 2) / width) ** 0.5
        is_settled = error <= SETTLED * period or len(points) == MOST
        return (mean + period * points[-1][0], period) if is_settled else None
