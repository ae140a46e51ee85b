"""Values counted into buckets: a fraction of a microsecond each, so that the engine's thread may. Knows no unit.

prometheus-client's own takes 2 µs for the lock that we do not need: whoever counts here holds one, or is one thread.
"""

from bisect import bisect_left
from typing import Final, NamedTuple

TIMES_S: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
NS: Final = 1_000_000_000
TIMES: Final = tuple(round(bound * NS) for bound in TIMES_S)
JOB_TIMES: Final = tuple(round(bound * NS) for bound in (0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600))
MARGINS: Final = tuple(
    round(bound * NS) for bound in (-0.1, -0.05, -0.02, -0.01, 0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
)


class Counted(NamedTuple):
    """What a histogram has seen: how many values were at most each bound, how many in all, and their sum."""

    bounds: tuple[int, ...]
    at_most: tuple[int, ...]
    seen: int
    total: int


class Histogram:
    """Never blocks. Whoever adds holds the same lock, or is the same thread; any thread may ask."""

    __slots__ = ("_bounds", "_counts", "total")

    def __init__(self, bounds: tuple[int, ...] = TIMES) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self.total = 0

    def add(self, value: int) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self.total += value

    def counted(self) -> Counted:
        at_most, sums = 0, []
        for count in list(self._counts):
            at_most += count
            sums.append(at_most)
        return Counted(self._bounds, tuple(sums[:-1]), at_most, self.total)
