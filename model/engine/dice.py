"""Seeded chance by counting: the number at a position depends on the seed, the position and the throw, on no history.

A rewind and the same input therefore give the same music. The mixer is splitmix64 (Steele, Lea, Flood, 2014).
"""

_WORD = 2**64 - 1
_GOLDEN = 0x9E3779B97F4A7C15


def uniform(seed: int, position: int, throw: int = 0) -> float:
    """At least 0, below 1, in steps of 2**-53. Throws at one position are independent of each other."""
    stream = _mix(_mix(seed + _GOLDEN) + throw) if throw else _mix(seed + _GOLDEN)
    return (_mix(stream + (position + 1) * _GOLDEN) >> 11) / 2**53


def _mix(word: int) -> int:
    word &= _WORD
    word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9 & _WORD
    word = (word ^ word >> 27) * 0x94D049BB133111EB & _WORD
    return word ^ word >> 31
