"""A human at the keyboard, by script: phrases with rests, uneven as hands are. The same seed plays the same.

Knows no ports and no machine; all times are seconds.
"""

import random
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

BEAT_S: Final = 0.5
UNEVEN_S: Final = 0.018  # standard deviation of an onset
PHRASE_BEATS: Final = (4, 7)
REST_BEATS: Final = (4, 6)
STEPS: Final = (-4, -3, -2, -1, -1, 1, 1, 2, 3, 4)
RANGE: Final = (50, 80)


@dataclass(frozen=True, slots=True, order=True)
class Struck:
    """One key, in seconds from the beginning."""

    down_s: float
    up_s: float
    pitch: int
    velocity: int


Phrase = tuple[Struck, ...]


def phrases(seconds: float, seed: int) -> list[Phrase]:
    """Phrases of two to four seconds with rests between them. The last has a rest before `seconds` are over."""
    dice = random.Random(seed)
    found: list[Phrase] = []
    beat = 0.0
    while True:
        length = dice.randint(*PHRASE_BEATS)
        rest = dice.randint(*REST_BEATS)
        if found and (beat + length + rest) * BEAT_S > seconds:
            return found
        found.append(tuple(_phrase(dice, beat, length)))
        beat += length + rest


def _phrase(dice: random.Random, beat: float, length: int) -> Iterator[Struck]:
    pitch, end, before = dice.randint(57, 72), beat + length, -1.0
    while beat < end:
        lasts = dice.choice((0.5, 0.5, 0.5, 1.0, 1.0, 1.5))
        down = max(before + 0.03, beat * BEAT_S + dice.gauss(0, UNEVEN_S)) if beat else 0.0
        up = down + lasts * BEAT_S * dice.uniform(0.7, 1.05)
        yield Struck(down, up, pitch, dice.randint(48, 96))
        if dice.random() < 0.2:
            yield Struck(down + abs(dice.gauss(0, 0.006)), up, pitch - 12, dice.randint(40, 70))
        pitch = dice.choice([pitch + step for step in STEPS if RANGE[0] <= pitch + step <= RANGE[1]])
        beat, before = beat + lasts, down


def messages(phrase: Phrase) -> list[tuple[float, bytes]]:
    """MIDI, in the order in which it is sent; of what comes at one moment, ups go first."""
    downs = [(note.down_s, 1, bytes((0x90, note.pitch, note.velocity))) for note in phrase]
    ups = [(note.up_s, 0, bytes((0x80, note.pitch, 0))) for note in phrase]
    return [(at, message) for at, _, message in sorted(downs + ups)]


def edges(performance: Sequence[Phrase]) -> tuple[list[int], list[int]]:
    """Which of the messages of all phrases begin a phrase, and which end one."""
    counts = list(accumulate((2 * len(phrase) for phrase in performance), initial=0))
    return counts[:-1], [count - 1 for count in counts[1:]]


def pauses_until(onsets: Sequence[int], ends: Sequence[int], starts: Sequence[int]) -> list[int]:
    """For each phrase that was answered before the next one: how long after its end the first of `onsets` came.

    `ends` and `starts` are those of the phrases; all in one unit, sorted.
    """
    pauses = []
    for end, following in zip(ends, [*starts[1:], None], strict=True):
        first = bisect_right(onsets, end)
        if first < len(onsets) and (following is None or onsets[first] < following):
            pauses.append(onsets[first] - end)
    return pauses
