"""How much is played in each span of a long piece, and where its harmony comes again."""

import numpy as np

from model.evaluation.long_piece import SPAN_S, densities
from model.evaluation.nmsi import self_similarity
from model.evaluation.passage import Passage
from music.score import Note
from music.time import NOMINAL_BPM, Tick

SPAN = round(SPAN_S * 1000)  # ticks, at the nominal tempo


def struck(*pitches: int) -> Passage:
    """One for each span, and two in the last one."""
    notes = [Note(Tick(i * SPAN), 0, pitch, 80, 500) for i, pitch in enumerate(pitches)]
    notes.append(Note(Tick((len(pitches) - 1) * SPAN + 900), 0, pitches[-1], 80, 500))
    return Passage(tuple(notes), (0,), len(pitches) * SPAN // 1920, bpm=NOMINAL_BPM)


def test_density_is_counted_span_by_span() -> None:
    assert densities(struck(*[60] * 24)) == [0.5] * 23 + [1.0]


def test_the_same_harmony_later_is_alike_and_another_is_not() -> None:
    alike = self_similarity(struck(60, 64, 60, *[67] * 21), SPAN)
    assert np.allclose([alike[0, 2], alike[0, 1], alike[3, 20]], [1, 0, 1])
