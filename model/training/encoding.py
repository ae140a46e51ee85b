"""Arrays of notes to tokens, all at once: what the codec writes note by note, a hundred times as fast.

For training only, which reads much and keeps no state; a test holds the two equal.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.tokens.vocabulary import (
    BAR,
    DURATION,
    DURATION_STEPS,
    END,
    METER,
    PART,
    PITCH,
    POSITION,
    TICKS_PER_STEP,
    VELOCITY,
    VELOCITY_WIDTH,
    bar_steps,
    duration_index,
    meter_index,
)
from music.time import MeterMap, Tick

Tokens = NDArray[np.int64]
Numbers = NDArray[np.int64]
DURATION_CLASS = np.array([duration_index(steps) for steps in range(769)])
TICKS_OF_CLASS = np.array(DURATION_STEPS, np.int32) * TICKS_PER_STEP


def on_grid(notes: NDArray[np.int32]) -> NDArray[np.int32]:
    """Notes as tokens can say them, in order; of two on the same key at the same step the longer stays."""
    kept = notes.copy()
    kept[:, 0] = steps_of(notes[:, 0]) * TICKS_PER_STEP
    kept[:, 3] = notes[:, 3] // VELOCITY_WIDTH * VELOCITY_WIDTH + VELOCITY_WIDTH // 2
    kept[:, 4] = TICKS_OF_CLASS[DURATION_CLASS[steps_of(notes[:, 4]).clip(0, 768)]]
    kept = kept[np.lexsort((kept[:, 3], -kept[:, 4], kept[:, 2], kept[:, 1], kept[:, 0]))]
    is_first: NDArray[np.bool_] = (np.diff(kept[:, :3], axis=0, prepend=-1) != 0).any(axis=1)
    return kept[is_first]


def steps_of(ticks: NDArray[np.signedinteger]) -> NDArray[np.signedinteger]:
    """The nearest grid steps."""
    return (ticks + TICKS_PER_STEP // 2) // TICKS_PER_STEP


@dataclass(frozen=True, slots=True)
class Bars:
    """Bar lines in grid steps, and the index of each bar's meter. Each (bars,)."""

    starts: Numbers
    meters: Numbers


def bars_from(meters: MeterMap, start: Tick, steps: int) -> Bars:
    """From the bar line at `start`, which becomes step 0, past the step `steps`."""
    index = meter_index(meters.bar_at(start).meter)
    last = Tick(start + (steps + bar_steps(index)) * TICKS_PER_STEP)
    if not any(start < change.tick <= last for change in meters.changes):
        starts = np.arange(0, steps + 1, bar_steps(index))
        return Bars(starts, np.full(len(starts), index))
    begins, indices, step = [], [], 0
    while step <= steps:
        index = meter_index(meters.bar_at(Tick(start + step * TICKS_PER_STEP)).meter)
        begins.append(step)
        indices.append(index)
        step += bar_steps(index)
    return Bars(np.array(begins), np.array(indices))


def encode(header: Sequence[int], notes: Numbers, bars: Bars, *, whole: bool) -> Tokens:
    """header: tokens. notes: (n, 5) as in a piece, without unisons on the grid, onsets counted from the first bar.

    `whole`: with an end.
    """
    step = steps_of(notes[:, 0])
    bar = np.searchsorted(bars.starts, step, side="right") - 1
    is_onset = np.diff(step, prepend=-1) != 0
    begun = int(bar[-1]) + 1 if len(bar) else 0
    is_changed = np.diff(bars.meters[:begun], prepend=int(header_meter(header))) != 0
    after_bars = (1 + is_changed).cumsum()  # tokens of the bars up to each
    after_notes = (4 + is_onset).cumsum()  # of the notes up to each
    length = len(header) + (int(after_bars[-1] + after_notes[-1]) if begun else 0)
    tokens = np.empty(length + (whole and begun > 0), np.int64)
    tokens[: len(header)] = header
    if not begun:
        return tokens
    end = len(header) + after_bars[bar] + after_notes  # of each note
    onset = step - bars.starts[bar]
    tokens[end[is_onset] - 5] = POSITION.start + onset[is_onset]
    tokens[end - 4] = PART.start + notes[:, 1]
    tokens[end - 3] = PITCH.start + notes[:, 2]
    tokens[end - 2] = VELOCITY.start + notes[:, 3] // VELOCITY_WIDTH
    tokens[end - 1] = DURATION.start + DURATION_CLASS[steps_of(notes[:, 4]).clip(0, 768)]
    before = np.searchsorted(bar, np.arange(begun))  # notes before each bar
    at = len(header) + after_bars - 1 - is_changed + np.append(0, after_notes)[before]
    tokens[at] = BAR.start
    tokens[at[is_changed] + 1] = METER.start + bars.meters[:begun][is_changed]
    if whole:
        tokens[-1] = END.start
    return tokens


def header_meter(header: Sequence[int]) -> int:
    """The index of its meter."""
    return next(token - METER.start for token in header if token in METER)
