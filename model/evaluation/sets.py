"""Whether a set of machine-made passages lies among the human ones: Overlap Area, beside what humans reach themselves.

A small set overlaps less than a large one, and a continuation resembles its own original. So the comparison is matched:
the trials are split in two halves, A and B, many times; the distances within human A are set beside those from human A
to human B, and to the machine's B. Only who wrote B differs.

Intervals: halves drawn with replacement hold fewer different pieces, and overlap less for that alone. So their spread
is taken, around the figure of the halves themselves.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.evaluation.features import MEASURES
from model.evaluation.intervals import Interval, around
from model.evaluation.overlap import Closeness, closeness, distances
from model.evaluation.passage import Passage

Array = NDArray[np.float64]
SPLITS = 60  # each also a bootstrap replicate
FEWEST = 4  # in a set: two in each half


@dataclass(frozen=True, slots=True)
class SetCloseness:
    """Of one measure, or the mean of all."""

    overlap_area: Interval
    kld_legacy: Interval
    kld: Interval


@dataclass(frozen=True, slots=True)
class SetReport:
    machine: Mapping[str, SetCloseness]  # by measure
    human: Mapping[str, SetCloseness]
    machine_mean: SetCloseness  # over the measures
    human_mean: SetCloseness
    share: Interval  # of the human mean Overlap Area that the machine reaches


def compare_sets(human: Sequence[Passage], machine: Sequence[Passage], seed: int = 0) -> SetReport:
    """human[i] and machine[i] follow the same prompt."""
    if len(human) != len(machine) or len(human) < FEWEST:
        raise ValueError(f"expected two sets of the same size, at least {FEWEST}, got {len(human)} and {len(machine)}")
    rng = np.random.default_rng(seed)
    halves = [_halves(len(human), rng) for _ in range(SPLITS)]
    resampled = [(_resample(a, rng), _resample(b, rng)) for a, b in halves]
    plain: list[tuple[list[Closeness], list[Closeness]]] = []
    drawn: list[tuple[list[Closeness], list[Closeness]]] = []
    for measure in MEASURES.values():
        within, across = _distances(measure, human, machine)
        plain.append(_beside(within, across, halves))
        drawn.append(_beside(within, across, resampled))
    by_measure = [{name: _summary(plain[i][who], drawn[i][who]) for i, name in enumerate(MEASURES)} for who in (0, 1)]
    means = [_summary(_mean([p[who] for p in plain]), _mean([d[who] for d in drawn])) for who in (0, 1)]
    areas = [np.array([c.overlap_area for c in _mean([d[who] for d in drawn])]) for who in (0, 1)]
    share = _spread(means[1].overlap_area.value / means[0].overlap_area.value, areas[1] / areas[0])
    return SetReport(by_measure[1], by_measure[0], means[1], means[0], share)


def _distances(
    measure: Callable[[Passage], Array], human: Sequence[Passage], machine: Sequence[Passage]
) -> tuple[Array, Array]:
    """(n, n) each: from human to human, from human to machine."""
    ours, theirs = np.stack([measure(p) for p in human]), np.stack([measure(p) for p in machine])
    return distances(ours, ours), distances(ours, theirs)


def _halves(count: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    order = rng.permutation(count)
    return order[: count // 2], order[count // 2 :]


def _resample(half: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """As many, with replacement; at least two different ones, as there is no distance within one."""
    while True:
        drawn = rng.choice(half, len(half))
        if len(set(drawn.tolist())) > 1:
            return drawn


def _beside(
    within: Array, across: Array, halves: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]]
) -> tuple[list[Closeness], list[Closeness]]:
    """For each split: how close human A lies to human B, and to the machine's B."""
    human, machine = [], []
    for a, b in halves:
        different = a[:, None] != a  # a piece drawn twice is not two pieces
        intra = within[np.ix_(a, a)][different]
        human.append(closeness(intra, within[np.ix_(a, b)].ravel()))
        machine.append(closeness(intra, across[np.ix_(a, b)].ravel()))
    return human, machine


def _mean(by_measure: Sequence[Sequence[Closeness]]) -> list[Closeness]:
    """Over the measures, split by split."""
    return [
        Closeness(
            float(np.mean([c.overlap_area for c in split])),
            _known_mean([c.kld_legacy for c in split]),
            _known_mean([c.kld for c in split]),
        )
        for split in zip(*by_measure, strict=True)
    ]


def _summary(plain: Sequence[Closeness], drawn: Sequence[Closeness]) -> SetCloseness:
    def interval(figure: Callable[[Closeness], float]) -> Interval:
        return _spread(_known_mean([figure(c) for c in plain]), np.array([figure(c) for c in drawn]))

    return SetCloseness(interval(lambda c: c.overlap_area), interval(lambda c: c.kld_legacy), interval(lambda c: c.kld))


def _spread(value: float, replicates: Array) -> Interval:
    return around(value, replicates - _known_mean(replicates.tolist()) + value)


def _known_mean(values: Sequence[float]) -> float:
    """nan, the divergence of a spike, has no part in it."""
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")
