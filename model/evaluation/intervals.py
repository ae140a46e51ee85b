"""Bootstrap intervals: what another draw of as many pieces might have given (Efron's percentile interval, 95 %)."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

REPLICATES = 2000
LEVEL = (2.5, 97.5)  # percentiles


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure, and where it lies in 95 % of the replicates; nan where there was nothing to measure."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        if np.isnan(self.value):
            return "none"
        digits = 1 if abs(self.value) >= 10 else 2 if abs(self.value) >= 1 else 3
        return f"{self.value:.{digits}f} ({self.low:.{digits}f} to {self.high:.{digits}f})"

    def above(self, other: "Interval") -> bool:
        """Whether the two do not overlap, and this one is the higher."""
        return self.low > other.high


UNKNOWN = Interval(float("nan"), float("nan"), float("nan"))


def mean_interval(values: Sequence[float], seed: int = 0) -> Interval:
    """Of the mean of one value a piece. nan, "there was nothing to measure", counts as no piece."""
    known = np.array([value for value in values if not np.isnan(value)])
    if not known.size:
        return UNKNOWN
    draws = np.random.default_rng(seed).integers(known.size, size=(REPLICATES, known.size))
    return around(float(known.mean()), known[draws].mean(axis=1))


def clustered_interval(values: Sequence[float], clusters: Sequence[Hashable], seed: int = 0) -> Interval:
    """As `mean_interval` for several values of a piece, no independent witnesses: clusters are drawn."""
    sums: dict[Hashable, tuple[float, int]] = {}
    for value, cluster in zip(values, clusters, strict=True):
        if not np.isnan(value):
            total, count = sums.get(cluster, (0.0, 0))
            sums[cluster] = total + value, count + 1
    if not sums:
        return UNKNOWN
    table = np.array(list(sums.values()))
    drawn = table[np.random.default_rng(seed).integers(len(table), size=(REPLICATES, len(table)))].sum(axis=1)
    return around(float(table[:, 0].sum() / table[:, 1].sum()), drawn[:, 0] / drawn[:, 1])


def around(value: float, replicates: NDArray[np.float64]) -> Interval:
    known = replicates[~np.isnan(replicates)]
    if not known.size:
        return UNKNOWN
    low, high = np.percentile(known, LEVEL)
    return Interval(value, float(low), float(high))
