"""Plain numbers about a score that say whether it is music or a stuck key. Definitions, no judgement."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from music.score import Note, Score
from music.time import TICKS_PER_QUARTER, MeterMap, Tick

MAJOR = frozenset({0, 2, 4, 5, 7, 9, 11})
SIXTEENTH = TICKS_PER_QUARTER // 4
TRIPLET = TICKS_PER_QUARTER // 3


@dataclass(frozen=True, slots=True)
class Measures:
    """Of the notes from one tick to another; drums count in none of the pitch measures."""

    notes: int
    notes_per_bar: float
    distinct_pitches: int
    in_scale: float  # share of notes in the diatonic scale that fits the reference best
    on_grid: float  # share of onsets on a sixteenth or an eighth triplet
    empty_bars: float  # share
    repeated_bars: float  # share of bars whose onsets and pitches are those of the bar before
    longest_repeat: int  # most notes in a row on one pitch in one part


def measure(score: Score, start: Tick, stop: Tick, *, scale: frozenset[int] | None = None) -> Measures:
    """`scale`: pitch classes to measure against; without it the best scale of these very notes."""
    notes = [note for note in score.notes if start <= note.onset < stop]
    pitched = [note for note in notes if not score.parts[note.part].is_drums]
    bars = _bars(score, notes, start, stop)
    scale = scale if scale is not None else best_scale(pitched)
    return Measures(
        notes=len(notes),
        notes_per_bar=len(notes) / max(1, len(bars)),
        distinct_pitches=len({note.pitch for note in pitched}),
        in_scale=_share([note.pitch % 12 in scale for note in pitched]),
        on_grid=_share([note.onset % SIXTEENTH == 0 or note.onset % TRIPLET == 0 for note in notes]),
        empty_bars=_share([not bar for bar in bars]),
        repeated_bars=_share([bool(bar) and bar == before for before, bar in pairwise(bars)]),
        longest_repeat=_longest_repeat(pitched),
    )


def best_scale(notes: Sequence[Note]) -> frozenset[int]:
    """The pitch classes of the major (or its natural minor) scale that holds most of the notes."""
    weight = Counter(note.pitch % 12 for note in notes)
    scales = [frozenset((degree + tonic) % 12 for degree in MAJOR) for tonic in range(12)]
    return max(scales, key=lambda scale: sum(weight[pitch] for pitch in scale))


def _bars(score: Score, notes: Sequence[Note], start: Tick, stop: Tick) -> list[frozenset[tuple[int, int, int]]]:
    """Per bar its notes as (onset in the bar, part, pitch)."""
    meters = MeterMap(score.meters)
    notes = sorted(notes)
    onsets = [note.onset for note in notes]
    bars, bar, first = [], meters.bar_at(start), 0
    while bar.tick < stop:
        after = meters.next_bar(bar)
        last = bisect_left(onsets, after.tick, first)
        bars.append(frozenset((note.onset - bar.tick, note.part, note.pitch) for note in notes[first:last]))
        bar, first = after, last
    return bars


def _longest_repeat(notes: Sequence[Note]) -> int:
    runs = [
        len(list(run))
        for part in {note.part for note in notes}
        for _, run in groupby(note.pitch for note in notes if note.part == part)
    ]
    return max(runs, default=0)


def _share(claims: Sequence[bool]) -> float:
    return sum(claims) / len(claims) if claims else 0.0
