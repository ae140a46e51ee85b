"""What listeners' choices between two say, with no more certainty than they have. Knows no sound."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import exp, inf, lgamma, log, nan

from model.evaluation.intervals import Interval

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Preference:
    """`rate`: of those who preferred one, the share that preferred A; exact interval (Clopper and Pearson)."""

    a: int
    b: int
    neither: int
    rate: Interval
    p: float  # that chance alone is as far from a half as this, two-sided

    @classmethod
    def of(cls, choices: Iterable[str | None]) -> "Preference":
        """Each "a", "b" or None."""
        listed = list(choices)
        a, b = listed.count("a"), listed.count("b")
        return cls(a, b, listed.count(None), clopper_pearson(a, a + b), binomial_p(a, a + b))


def clopper_pearson(hits: int, of: int) -> Interval:
    """nan for none of none."""
    if not of:
        return Interval(nan, nan, nan)
    tail = (1 - LEVEL) / 2
    low = 0.0 if hits == 0 else _root(lambda p: _at_least(hits, of, p) - tail)
    high = 1.0 if hits == of else _root(lambda p: tail - _at_most(hits, of, p))
    return Interval(hits / of, low, high)


def binomial_p(hits: int, of: int) -> float:
    """Two-sided, against a half: as symmetric as that is, twice the smaller tail."""
    return min(1.0, 2 * _at_most(min(hits, of - hits), of, 0.5))


def agreement(choices: Iterable[tuple[Hashable, Hashable, Hashable]]) -> tuple[float, float]:
    """Of (what was judged, who judged, what was chosen): the share of pairs of judges of a thing who agree, and
    Krippendorff's alpha for names: 1 for perfect agreement, 0 for chance's. nan where nothing was judged twice.
    """
    by_thing: dict[Hashable, dict[Hashable, Hashable]] = defaultdict(dict)
    for thing, judge, choice in choices:
        by_thing[thing][judge] = choice
    shared = [list(judged.values()) for judged in by_thing.values() if len(judged) > 1]
    values = [value for judged in shared for value in judged]
    if not values:
        return nan, nan
    pairs = [a == b for judged in shared for a, b in combinations(judged, 2)]
    observed = sum(2 * _differ(judged) / (len(judged) - 1) for judged in shared) / len(values)
    expected = 2 * _differ(values) / (len(values) * (len(values) - 1))
    return sum(pairs) / len(pairs), 1 - observed / expected if expected else nan


def _differ(values: Sequence[Hashable]) -> int:
    return sum(a != b for a, b in combinations(values, 2))


def _at_most(hits: int, of: int, p: float) -> float:
    return sum(exp(_log_chance(k, of, p)) for k in range(hits + 1))


def _at_least(hits: int, of: int, p: float) -> float:
    return sum(exp(_log_chance(k, of, p)) for k in range(hits, of + 1))


def _log_chance(hits: int, of: int, p: float) -> float:
    if p in (0.0, 1.0):
        return 0.0 if hits == of * p else -inf
    ways = lgamma(of + 1) - lgamma(hits + 1) - lgamma(of - hits + 1)
    return ways + hits * log(p) + (of - hits) * log(1 - p)


def _root(rising: Callable[[float], float]) -> float:
    """Where a function that rises over 0 to 1 is 0."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < 0 else (low, middle)
    return (low + high) / 2
