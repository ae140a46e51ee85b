"""Timing that is fair on an unquiet machine: contestants take turns, one short slice each, so its moods hit all alike.

Knows nothing of what is timed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from statistics import median
from time import perf_counter, perf_counter_ns
from typing import Final, TypeVar

LEAST_ROUNDS: Final = 3
SLICE_MS: Final = 20.0
MOST_PIECES: Final = 64

K = TypeVar("K")
Slice = Callable[[], Sequence[float]]  # does a short stretch of the work; the milliseconds of each piece of it


@dataclass(frozen=True, slots=True)
class Timed:
    """What one contestant took: of each round, the milliseconds of each piece."""

    rounds: tuple[tuple[float, ...], ...]

    @property
    def median(self) -> float:
        """Of the rounds' medians: a round that was disturbed counts as one."""
        return median(map(median, self.rounds))

    def quantile(self, share: float) -> float:
        """The nearest-rank quantile of all pieces."""
        ordered = sorted(chain(*self.rounds))
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    def columns(self) -> dict[str, float]:
        """What every table tells of it."""
        quantiles = {"ms_p10": self.quantile(0.1), "ms_p90": self.quantile(0.9)}
        return {name: round(ms, 4) for name, ms in {"ms_p50": self.median, **quantiles}.items()}

    def times_as_fast_as(self, other: "Timed") -> float:
        """The median, over the rounds, of the ratio that each round shows."""
        pairs = zip(self.rounds, other.rounds, strict=True)
        return median(median(theirs) / median(ours) for ours, theirs in pairs)


def interleave(slices: Mapping[K, Slice], seconds: float) -> dict[K, Timed]:
    """Round after round until `seconds` are over, three at least. One round before them warms up and is forgotten."""
    for run in slices.values():
        run()
    rounds: dict[K, list[tuple[float, ...]]] = {name: [] for name in slices}
    end, count = perf_counter() + seconds, 0
    while count < LEAST_ROUNDS or perf_counter() < end:
        for name, run in slices.items():
            rounds[name].append(tuple(run()))
        count += 1
    return {name: Timed(tuple(each)) for name, each in rounds.items()}


def repeated(work: Callable[[], object]) -> Slice:
    """The work, again and again for a slice's time. The first does not count: it finds another's data in the caches."""

    def run() -> list[float]:
        work()
        times: list[float] = []
        while not times or (sum(times) < SLICE_MS and len(times) < MOST_PIECES):
            times.append(timed_ms(work))
        return times

    return run


def timed_ms(work: Callable[[], object]) -> float:
    began = perf_counter_ns()
    work()
    return (perf_counter_ns() - began) / 1e6
