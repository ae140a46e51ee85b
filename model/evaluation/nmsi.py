"""How like two passages are, 0 to 100: NMSI, the mean of four likenesses (SAGE-Music, arXiv 2510.00395).

The components are those of StrIPE and MuseMorphose, bounded by 1. The normaliser of the density is our choice, so
values do not compare with the paper's; orders and relative drops do. Knows neither prompt nor network.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.evaluation.passage import Passage
from music.score import Note
from music.time import TICKS_PER_QUARTER

FRAME = TICKS_PER_QUARTER // 16
HARMONY_UNIT = 2 * TICKS_PER_QUARTER  # a chroma for every two beats
SIXTEENTH = TICKS_PER_QUARTER // 4
SSM_UNIT = 2 * FRAME
Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Likeness:
    """Each 0 to 1, 1 for a passage beside itself."""

    chroma: float
    groove: float
    structure: float  # 1 - distance of the self-similarity matrices
    density: float  # 1 - distance of the numbers of sounding notes

    @property
    def nmsi(self) -> float:
        return 100 * (self.chroma + self.groove + self.structure + self.density) / 4


def compare_passages(one: Passage, other: Passage) -> Likeness:
    """Symmetric. Both in the same meter and of the same length, else ValueError."""
    if one.meter != other.meter or one.bars != other.bars:
        raise ValueError(f"expected two passages alike, got {one.bars} x {one.meter} and {other.bars} x {other.meter}")
    return Likeness(
        chroma=chroma_similarity(one, other),
        groove=groove_similarity(one, other),
        structure=1 - structure_distance(one, other),
        density=1 - density_distance(one, other),
    )


def chroma_similarity(one: Passage, other: Passage) -> float:
    """Onsets by pitch class in each two beats: mean cosine. Drums apart."""
    return float(np.mean(_cosines(_onset_chroma(one), _onset_chroma(other))))


def groove_similarity(one: Passage, other: Passage) -> float:
    """Onsets by sixteenth in each bar: mean cosine of bar against bar."""
    return float(np.mean(_cosines(_onset_grid(one), _onset_grid(other))))


def structure_distance(one: Passage, other: Passage) -> float:
    """Mean difference of the two matrices that tell how like a passage's every thirty-second is to every other."""
    return float(np.abs(self_similarity(one) - self_similarity(other)).mean())


def density_distance(one: Passage, other: Passage) -> float:
    """Sounding notes in each sixteenth: the difference against the larger, mean."""
    a, b = _sounding(one), _sounding(other)
    return float(np.mean(np.abs(a - b) / np.maximum(np.maximum(a, b), 1)))


def _onset_chroma(passage: Passage) -> Matrix:
    """(units, 12)"""
    chroma = np.zeros((-(-passage.ticks // HARMONY_UNIT), 12))
    for note in passage.pitched:
        chroma[note.onset // HARMONY_UNIT, note.pitch % 12] += 1
    return chroma


def _onset_grid(passage: Passage) -> Matrix:
    """(bars, sixteenths): to the nearest, as people play around them."""
    bar = passage.meter.bar_ticks
    grid = np.zeros((passage.bars, max(1, bar // SIXTEENTH)))
    for note in passage.notes:
        place = (note.onset % bar + SIXTEENTH // 2) // SIXTEENTH
        grid[note.onset // bar, min(place, grid.shape[1] - 1)] += 1
    return grid


def self_similarity(passage: Passage, unit: int = SSM_UNIT) -> Matrix:
    """(units, units), cosines of the chroma that sounds in each unit. `unit`: in ticks."""
    chroma = np.zeros((-(-passage.ticks // unit), 12))
    for note in passage.pitched:
        first, stop = _reach(note, unit)
        chroma[first:stop, note.pitch % 12] += 1
    norm = np.linalg.norm(chroma, axis=1)
    silent = norm == 0
    one = chroma / np.where(silent, 1, norm)[:, None]
    alike: Matrix = one @ one.T + np.outer(silent, silent)  # silence is like silence
    return alike


def _sounding(passage: Passage) -> Matrix:
    """(sixteenths,): notes in each frame, summed over the four of a sixteenth."""
    frames = np.zeros(-(-passage.ticks // SIXTEENTH) * (SIXTEENTH // FRAME))
    for note in passage.notes:
        first, stop = _reach(note, FRAME)
        frames[first:stop] += 1
    summed: Matrix = frames.reshape(-1, SIXTEENTH // FRAME).sum(axis=1)
    return summed


def _reach(note: Note, unit: int) -> Sequence[int]:
    """The units that a note sounds in: first, and one past the last."""
    return note.onset // unit, -(-note.end // unit)


def _cosines(one: Matrix, other: Matrix) -> Matrix:
    """(n, d), (n, d) -> (n,). Two silences are alike, a silence and a sound are not."""
    norms = np.linalg.norm(one, axis=1), np.linalg.norm(other, axis=1)
    silent = (norms[0] == 0) & (norms[1] == 0)
    product = np.where(norms[0] * norms[1] == 0, 1, norms[0] * norms[1])
    result: Matrix = np.where(silent, 1.0, (one * other).sum(axis=1) / product)
    return result
