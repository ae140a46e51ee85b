"""Percentiles of times, as users read them: milliseconds. Knows nothing of what was timed."""

from collections import deque
from collections.abc import Iterable
from itertools import islice
from typing import Final

KEPT: Final = 100_000  # the newest so many; a set has no length limit, memory does


def percentile(nanos: Iterable[int], share: float) -> int:
    """The nearest-rank percentile; `share` is 0..1. 0 where nothing was timed."""
    ordered = sorted(nanos)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0


class Times:
    """A bounded record of times in nanoseconds."""

    def __init__(self, nanos: Iterable[int] = ()) -> None:
        self._nanos: deque[int] = deque(nanos, maxlen=KEPT)

    def add(self, nanos: int) -> None:
        self._nanos.append(nanos)

    def __len__(self) -> int:
        return len(self._nanos)

    def newest_p95_ms(self) -> float:
        """Of the newest hundred: cheap enough to be asked while playing."""
        return percentile(islice(reversed(self._nanos), 100), 0.95) / 1e6

    def summary_ms(self) -> dict[str, float]:
        """`p50_ms`, `p95_ms`, `p99_ms`, `max_ms`, and how many: `count`."""
        shares = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99, "max_ms": 1.0}
        rounded = {name: round(percentile(self._nanos, share) / 1e6, 3) for name, share in shares.items()}
        return {**rounded, "count": len(self._nanos)}
