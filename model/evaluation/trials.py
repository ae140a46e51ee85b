"""Which music a network is asked to go on with: passages of held-out pieces, the same ones every time.

A trial is a prompt of four bars, the eight bars that follow it in the piece, and, where the piece is long enough, the
eight after those. Sources take turns, so that the largest does not drown the others.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, zip_longest

import numpy as np

from model.evaluation.passage import Passage, trimmed
from model.tokens.codec import unison_free
from model.tokens.vocabulary import FASTEST_BPM, SLOWEST_BPM
from model.training.corpus import Piece
from music.score import Note
from music.time import FREE, TICKS_PER_QUARTER, MeterMap, TempoMap, Tick

PROMPT_BARS = 4
ANSWER_BARS = 8
SHORTEST_BAR = 2 * TICKS_PER_QUARTER  # shorter ones are marks of a notation program more than bars
FEWEST_NOTES = 8  # besides drums, in the prompt, and in what follows it


@dataclass(frozen=True, slots=True)
class Trial:
    prompt: Passage
    truth: Passage
    later: Passage | None  # the bars after the truth
    source: str


def choose_trials(pieces: Iterable[Piece]) -> list[Trial]:
    """At most one of each piece of music, in whatever versions, in an order whose beginnings are fair samples, too."""
    by_source: dict[str, list[Trial]] = defaultdict(list)
    families: set[str] = set()
    for piece in _shuffled(pieces):
        trial = None if piece.family in families else trial_of(piece)
        if trial is not None:
            families |= {piece.family} - {""}
            by_source[piece.source].append(trial)
    turns = zip_longest(*(by_source[source] for source in sorted(by_source)))
    return [trial for trial in chain.from_iterable(turns) if trial is not None]


def trial_of(piece: Piece) -> Trial | None:
    """From the first whole bar on; None where the piece is too short, too empty, or changes its meter on the way."""
    meters = MeterMap(piece.meters)
    first = Tick(int(piece.notes[0, 0]))
    bar = meters.bar_at(first)
    if first - bar.tick >= bar.meter.bar_ticks // 2:  # a pickup
        bar = meters.next_bar(bar)
    if bar.meter == FREE or bar.meter.bar_ticks < SHORTEST_BAR:
        return None
    end = bar.tick + (PROMPT_BARS + ANSWER_BARS) * bar.meter.bar_ticks
    changes = [change.tick for change in meters.changes if change.tick > bar.tick]
    if changes and changes[0] < end:
        return None
    later_end = end + ANSWER_BARS * bar.meter.bar_ticks
    has_later = not (changes and changes[0] < later_end)
    whole = passage_of(piece, bar.tick, PROMPT_BARS + (2 if has_later else 1) * ANSWER_BARS, meters)
    prompt, truth = whole.cut(0, PROMPT_BARS), whole.cut(PROMPT_BARS, ANSWER_BARS)
    later = whole.cut(PROMPT_BARS + ANSWER_BARS, ANSWER_BARS) if has_later else None
    if not (is_music(prompt) and is_music(truth)):
        return None
    return Trial(prompt, truth, later if later is not None and is_music(later) else None, piece.source)


def passage_of(piece: Piece, start: Tick, bars: int, meters: MeterMap) -> Passage:
    """`bars` bars of a piece from the bar line `start` on, in the meter and tempo that hold there."""
    meter = meters.bar_at(start).meter
    stop = start + bars * meter.bar_ticks
    low, high = np.searchsorted(piece.notes[:, 0], [start, stop])
    rows = piece.notes[low:high].tolist()
    notes = unison_free(trimmed((Note(Tick(t), *rest) for t, *rest in rows), start, stop))
    bpm = min(FASTEST_BPM, max(SLOWEST_BPM, TempoMap(piece.tempos).bpm_at(start)))
    # The nearest grid step of a note just before the last bar line is that line: it belongs to the next passage.
    return Passage(trimmed(notes, 0, bars * meter.bar_ticks), piece.programs, bars, meter, bpm)


def is_music(passage: Passage) -> bool:
    bars = passage.by_bar
    filled = sum(map(bool, bars))
    return len(passage.pitched) >= FEWEST_NOTES and bool(bars[0] and bars[-1]) and filled >= 0.75 * passage.bars


def _shuffled(pieces: Iterable[Piece]) -> list[Piece]:
    """An order that neither the archive's names nor its length decides much."""
    listed = list(pieces)
    order = np.random.default_rng(4).permutation(len(listed))
    return [listed[i] for i in order]
