"""Which pitches are to be expected beside what somebody plays: a belief about key and chord, by Bayes' rule.

A key is as likely as its profile makes the last notes; in a key, chords are as likely as they are in music; and a
chord is the likelier, the better it goes with what sounds. Chords are triads. Knows no voicing and no time passing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from math import exp, log
from operator import mul
from typing import Final, NamedTuple

from music.harmony import MAJOR_PROFILE, MINOR_PROFILE

# How often half bars of 1,500 pieces that were trained with are these: semitones above the tonic, triad.
Triad = tuple[int, int, int]
MAJOR: Final[Triad] = (0, 4, 7)
MINOR: Final[Triad] = (0, 3, 7)
CHORDS_IN_MAJOR: Final = {
    (0, MAJOR): 0.40,
    (5, MAJOR): 0.155,
    (7, MAJOR): 0.145,
    (9, MINOR): 0.065,
    (2, MINOR): 0.055,
}
CHORDS_IN_MINOR: Final = {
    (0, MINOR): 0.29,
    (8, MAJOR): 0.115,
    (5, MINOR): 0.10,
    (3, MAJOR): 0.085,
    (7, MAJOR): 0.07,
    (10, MAJOR): 0.07,
    (0, MAJOR): 0.065,
    (5, MAJOR): 0.055,
    (7, MINOR): 0.035,
}
OTHER_CHORD: Final = 0.01  # each other triad, about
ON_CHORD: Final = 0.68  # of a melody's time in the same pieces, the share on tones of its chord
CHORDS: Final = tuple(frozenset((root + step) % 12 for step in triad) for root in range(12) for triad in (MAJOR, MINOR))

Classes = tuple[int, ...]  # of each of the twelve pitch classes, how often; 0 is C


class Key(NamedTuple):
    """What a key makes likely."""

    classes: tuple[float, ...]  # share of each pitch class
    chords: tuple[float, ...]  # of each of `CHORDS`


def _key(tonic: int, profile: Sequence[float], chords: Mapping[tuple[int, Triad], float]) -> Key:
    known = [chords.get(((i // 2 - tonic) % 12, (MAJOR, MINOR)[i % 2]), OTHER_CHORD) for i in range(len(CHORDS))]
    return Key(_normal([profile[(i - tonic) % 12] for i in range(12)]), _normal(known))


def tally(pitches: Iterable[int]) -> Classes:
    """How often each pitch class is among them."""
    times = [0] * 12
    for pitch in pitches:
        times[pitch % 12] += 1
    return tuple(times)


def expectation(heard: Classes, now: Classes) -> tuple[float, ...]:
    """Of each pitch class the logarithm of how much likelier it is than one of twelve.

    `heard`: how often each was among the last notes. `now`: the same of those that sound at that moment.
    """
    return _under(_believed(heard), now)


@lru_cache(maxsize=1024)
def _believed(heard: Classes) -> Key:
    """All keys as one, each as far as it is believed."""
    beliefs = _beliefs([_product(heard, logs) for logs in LOGS], ALIKE)
    return Key(*(tuple(_product(beliefs, each) for each in columns) for columns in OF_KEYS))


@lru_cache(maxsize=1024)
def _under(key: Key, now: Classes) -> tuple[float, ...]:
    """Above the chords that fit what sounds: some of the time on their tones, else on what the key has."""
    others = [(1 - ON_CHORD) * share for share in key.classes]
    gains = [times * log(1 + ON_CHORD / 3 / other) for times, other in zip(now, others, strict=True)]
    beliefs = _beliefs([gains[a] + gains[b] + gains[c] for a, b, c in CHORDS], key.chords)
    tones = [_product(beliefs, each) for each in ON_CHORDS]
    return tuple(log(12 * (other + ON_CHORD / 3 * tone)) for other, tone in zip(others, tones, strict=True))


def _beliefs(fits: Sequence[float], priors: Sequence[float]) -> tuple[float, ...]:
    """By logarithms of how well each fits, and how likely each is by itself."""
    best = max(fits)
    return _normal([prior * exp(fit - best) for prior, fit in zip(priors, fits, strict=True)])


def _product(one: Sequence[float], other: Sequence[float]) -> float:
    products: Iterator[float] = map(mul, one, other)
    return sum(products)


def _normal(weights: Sequence[float]) -> tuple[float, ...]:
    whole = sum(weights)
    return tuple(each / whole for each in weights)


KEYS: Final = tuple(
    _key(tonic, profile, chords)
    for profile, chords in ((MAJOR_PROFILE, CHORDS_IN_MAJOR), (MINOR_PROFILE, CHORDS_IN_MINOR))
    for tonic in range(12)
)
OF_KEYS: Final = tuple(tuple(zip(*rows, strict=True)) for rows in zip(*KEYS, strict=True))  # for each class, and chord
ON_CHORDS: Final = tuple(tuple(float(i in chord) for chord in CHORDS) for i in range(12))
ALIKE: Final = (1.0,) * len(KEYS)
LOGS: Final = tuple(tuple(log(share) for share in key.classes) for key in KEYS)
