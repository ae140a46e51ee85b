"""Whether a continuation is music at all: silent, stuck, run away, out of range. Real music has some of each."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

import numpy as np

from model.evaluation.passage import Passage
from model.evaluation.ranges import in_range
from model.tokens.codec import encode_score
from music.score import Note

STUCK_BARS = 4  # as many equal bars in a row
STUCK_STROKES = 12  # as many strokes in a row of one part on one key
RUNAWAY_CHORD = 11  # notes that one pitched part strikes at once: more than two hands have fingers
HUNG_BARS = 4  # a note this long has no end that anybody meant
LAGS = 64  # tokens: about a bar


@dataclass(frozen=True, slots=True)
class Health:
    """Shares are 0 to 1."""

    empty_bars: float
    longest_bar_run: int  # equal bars in a row that have notes
    longest_stroke_run: int  # strokes in a row on one key, in one pitched part
    widest_chord: int  # notes that one pitched part strikes at once
    token_autocorrelation: float  # the highest share of tokens equal to the one some 8 to 64 before
    out_of_range: float  # notes that the instrument does not have
    unresolved: float  # notes that still sound when their key is struck again, or for four bars
    polyphony: float  # sounding notes, mean over the time in which any sounds
    density: float  # notes a bar, against the prompt's

    @property
    def stuck(self) -> bool:
        return self.longest_bar_run >= STUCK_BARS or self.longest_stroke_run >= STUCK_STROKES

    @property
    def runaway(self) -> bool:
        return self.widest_chord >= RUNAWAY_CHORD


def examine(passage: Passage, prompt: Passage) -> Health:
    return Health(
        empty_bars=float(np.mean([not bar for bar in passage.by_bar])),
        longest_bar_run=_longest_bar_run(passage),
        longest_stroke_run=_longest_stroke_run(passage.pitched),
        widest_chord=max(Counter((note.onset, note.part) for note in passage.pitched).values(), default=0),
        token_autocorrelation=token_autocorrelation(encode_score(passage.score(), end=False)),
        out_of_range=_share([not in_range(note.pitch, passage.programs[note.part]) for note in passage.notes]),
        unresolved=_unresolved(passage),
        polyphony=_polyphony(passage.notes),
        density=(len(passage.notes) / passage.bars) / (len(prompt.notes) / prompt.bars),
    )


def is_stuck(passage: Passage) -> bool:
    """As `Health.stuck`, without measuring all the rest."""
    return _longest_bar_run(passage) >= STUCK_BARS or _longest_stroke_run(passage.pitched) >= STUCK_STROKES


def token_autocorrelation(tokens: Sequence[int]) -> float:
    """The header's few tokens count, too; they repeat nothing. 0 for what is shorter than twice the longest lag."""
    array = np.array(tokens)
    if len(array) < 2 * LAGS:
        return 0.0
    return max(float((array[lag:] == array[:-lag]).mean()) for lag in range(8, LAGS + 1))


def _longest_bar_run(passage: Passage) -> int:
    length = passage.meter.bar_ticks
    bars = [frozenset((n.onset % length, n.part, n.pitch) for n in bar) for bar in passage.by_bar]
    return max((len(list(run)) for bar, run in groupby(bars) if bar), default=0)


def _longest_stroke_run(notes: Sequence[Note]) -> int:
    in_parts = sorted(notes, key=lambda n: n.part)  # stable: within a part still in time
    return max((len(list(run)) for _, run in groupby(in_parts, key=lambda n: (n.part, n.pitch))), default=0)


def _unresolved(passage: Passage) -> float:
    by_key = sorted(passage.notes, key=lambda n: (n.part, n.pitch, n.onset))
    struck_again = sum((a.part, a.pitch) == (b.part, b.pitch) and a.end > b.onset for a, b in pairwise(by_key))
    hung = sum(note.duration >= HUNG_BARS * passage.meter.bar_ticks for note in passage.notes)
    return (struck_again + hung) / len(passage.notes) if passage.notes else 0.0


def _polyphony(notes: Sequence[Note]) -> float:
    changes = sorted([(n.onset, 1) for n in notes] + [(n.end, -1) for n in notes])
    sounding, busy = 0, 0
    for (tick, change), (after, _) in pairwise(changes):
        sounding += change
        busy += (after - tick) * (sounding > 0)
    return sum(n.duration for n in notes) / busy if busy else 0.0


def _share(claims: Sequence[bool]) -> float:
    return sum(claims) / len(claims) if claims else 0.0
