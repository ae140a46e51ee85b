"""Two sets of music beside each other, measure by measure: mgeval's distances, Overlap Area and divergences.

A measure is constant where all distances are 0: its density is a spike, and is not estimated. Two equal spikes overlap
by 1 and diverge by 0; a spike and a density overlap by 0.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
BINS = 512  # of the range that a density is estimated on
POINTS = 1000  # mgeval's, for the divergences
TINY = 1e-300  # below it a density is as good as 0, and its logarithm would be infinite


@dataclass(frozen=True, slots=True)
class Closeness:
    """Of two sets of distances. Divergences are in nats, from the first to the second."""

    overlap_area: float
    kld_legacy: float  # mgeval's: each density on a grid of its own, so blind to shift and scale
    kld: float  # both on one grid


def distances(one: Array, other: Array) -> Array:
    """(n, d), (m, d) -> (n, m), Euclidean."""
    squares = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1) - 2 * one @ other.T
    # Equal vectors come out of this sum as rounding errors around 0.
    noise = 1e-9 * max(1.0, float(np.abs(squares).max(initial=0)))
    result: Array = np.sqrt(np.where(squares > noise, squares, 0))
    return result


def closeness(one: Array, other: Array) -> Closeness:
    """Of two samples of distances, (n,) and (m,), as mgeval estimates them: Gaussian kernels, Scott's bandwidth."""
    spikes = np.ptp(one) == 0, np.ptp(other) == 0
    if all(spikes) and one[0] == other[0]:
        return Closeness(1.0, 0.0, 0.0)
    if any(spikes):
        return Closeness(0.0, float("nan"), float("nan"))
    low, high = min(one.min(), other.min()), max(one.max(), other.max())
    grid = np.linspace(low, high, POINTS)
    p, q = _Density(one, low, high), _Density(other, low, high)
    on_grid = p.at(grid), q.at(grid)
    own = p.at(np.linspace(one.min(), one.max(), POINTS)), q.at(np.linspace(other.min(), other.max(), POINTS))
    area = float(np.trapezoid(np.minimum(*on_grid), grid))
    return Closeness(area, divergence(*own), divergence(*on_grid))


def divergence(p: Array, q: Array) -> float:
    """Kullback-Leibler, of two densities at as many points, renormalised as scipy.stats.entropy does."""
    p, q = p / p.sum(), q / q.sum()
    p, q = np.maximum(p, TINY), np.maximum(q, TINY)
    return float((p * np.log(p / q)).sum())


class _Density:
    """A Gaussian kernel density estimate of a sample, binned: tens of thousands of distances cost a millisecond."""

    def __init__(self, sample: Array, low: float, high: float) -> None:
        self._centres = np.linspace(low, high, BINS)
        width = self._centres[1] - self._centres[0]
        # Each sample is shared by the two nearest centres, so that its mean stays.
        place = (sample - low) / width
        left = np.minimum(place.astype(np.int64), BINS - 2)
        share = place - left
        mass = np.bincount(left, 1 - share, BINS) + np.bincount(left + 1, share, BINS)
        bandwidth = sample.std(ddof=1) * len(sample) ** -0.2
        # A kernel narrower than the bins would fall between them.
        offsets = np.arange(1 - BINS, BINS) * width / max(bandwidth, width / 2)
        kernel = np.exp(-0.5 * offsets**2)
        kernel /= kernel.sum() * width
        self._values = np.convolve(mass / len(sample), kernel)[BINS - 1 : 2 * BINS - 1]

    def at(self, points: Array) -> Array:
        return np.interp(points, self._centres, self._values)
