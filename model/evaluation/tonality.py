"""Pitch class entropy and scale consistency, as in MusPy and the Multitrack Music Transformer. Drums do not count."""

import numpy as np
from numpy.typing import NDArray

from model.evaluation.passage import Passage

MAJOR = (0, 2, 4, 5, 7, 9, 11)
# The natural minor scales are these very sets of pitch classes, so twelve are all.
SCALES = np.array([[(pitch - tonic) % 12 in MAJOR for pitch in range(12)] for tonic in range(12)], np.float64)


def pitch_class_counts(passage: Passage) -> NDArray[np.float64]:
    """(12,): notes, however long."""
    return np.bincount([note.pitch % 12 for note in passage.pitched], minlength=12).astype(np.float64)


def pitch_class_entropy(passage: Passage) -> float:
    """Bits: 0 for one pitch class, 3.58 for twelve alike. nan without notes."""
    counts = pitch_class_counts(passage)
    if not counts.any():
        return float("nan")
    share = counts[counts > 0] / counts.sum()
    return float(-(share * np.log2(share)).sum()) + 0.0  # no -0.0


def scale_consistency(passage: Passage) -> float:
    """The share of notes in the major or minor scale that holds most of them. nan without notes."""
    counts = pitch_class_counts(passage)
    return float((SCALES @ counts).max() / counts.sum()) if counts.any() else float("nan")


def share_in_scale_of(passage: Passage, reference: Passage) -> float:
    """The share of notes in the scale that holds most of `reference`'s. nan without notes."""
    counts = pitch_class_counts(passage)
    scale = SCALES[int((SCALES @ pitch_class_counts(reference)).argmax())]
    return float(scale @ counts / counts.sum()) if counts.any() else float("nan")
