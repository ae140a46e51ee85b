"""What was measured of two networks on the same music, beside each other: by piece and by seed. Trains nothing."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.evaluation.intervals import REPLICATES, Interval, around

Array = NDArray[np.float64]
Json = dict[str, Any]


def more(ours: Array, theirs: Array, weight: Array | NDArray[np.int64]) -> Interval:
    """How much larger our sum by weight is than theirs, in percent. ours, theirs: (seeds, pieces); weight: (pieces,).

    Paired over both; the interval is over another draw of as many pieces and of as many seeds.
    """
    share = 100 * len(ours) / theirs.sum()
    apart = mean_over(ours - theirs, weight)
    scale = float(share * weight.sum())
    return Interval(apart.value * scale, *sorted((apart.low * scale, apart.high * scale)))


def mean_over(values: Array, weight: Array | NDArray[np.int64]) -> Interval:
    """The sum of values, (seeds, pieces), by weight, (pieces,); its interval is as that of `more`."""
    seeds, pieces = values.shape
    dice = np.random.default_rng(0)
    counts = dice.multinomial(pieces, np.full(pieces, 1 / pieces), size=REPLICATES)
    by_seed = counts @ values.T / (counts @ weight)[:, None]
    drawn = dice.integers(seeds, size=(REPLICATES, seeds))
    replicates = np.take_along_axis(by_seed, drawn, axis=1).mean(axis=1)
    return around(float(values.sum() / seeds / weight.sum()), replicates)


def stack(found: "list[Json]", name: str) -> Array:
    """What each run has under a name: (runs, ...)."""
    return np.array([each[name] for each in found], np.float64)
