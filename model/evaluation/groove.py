"""Groove consistency: how alike are the rhythms of neighbouring bars (MusPy, Multitrack Music Transformer)."""

import numpy as np

from model.evaluation.passage import Passage
from music.time import TICKS_PER_QUARTER

STEPS_PER_QUARTER = 12  # as in the Multitrack Music Transformer


def groove_consistency(passage: Passage) -> float:
    """1 minus the mean share of a bar's steps that have an onset in one of two neighbouring bars but not in the other.

    nan for fewer than two bars.
    """
    if passage.bars < 2:
        return float("nan")
    bar, step = passage.meter.bar_ticks, TICKS_PER_QUARTER // STEPS_PER_QUARTER
    struck = np.zeros((passage.bars, bar // step), bool)
    for note in passage.notes:
        struck[note.onset // bar, note.onset % bar // step] = True
    return float(1 - (struck[1:] != struck[:-1]).mean())
