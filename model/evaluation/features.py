"""The 13 measures of PerceiverS (arXiv 2411.08307), as mgeval (Yang & Lerch 2018) computes them.

Each maps a passage to a vector. mgeval looks at one track; here all parts count, drums only in the counts, onsets and
lengths. The variants "by prose" follow PerceiverS's text where it differs: pitch classes, and distinct notes.
"""

from collections.abc import Callable, Sequence
from itertools import groupby, pairwise

import numpy as np
from numpy.typing import NDArray

from model.evaluation.passage import Passage
from music.score import Note
from music.time import TICKS_PER_QUARTER

Vector = NDArray[np.float64]
SEGMENTS = 64
LEGATO_S = 0.05  # an end and an onset nearer than this are a transition
LENGTH_UNIT = 4 * TICKS_PER_QUARTER // 96
LENGTHS = np.array([96, 48, 24, 12, 6, 72, 36, 18, 9, 32, 16, 8]) * LENGTH_UNIT  # whole to 1/16, dotted, triplets


def used_pitches(passage: Passage) -> Vector:
    return np.array([float(len({note.pitch for note in passage.pitched}))])


def used_pitch_classes(passage: Passage) -> Vector:
    return np.array([float(len({note.pitch % 12 for note in passage.pitched}))])


def note_count(passage: Passage) -> Vector:
    return np.array([float(len(passage.notes))])


def pitch_class_histogram(passage: Passage) -> Vector:
    """(12,), weighted by velocity and length, sum 1; zeros for silence."""
    weight = np.zeros(12)
    for note in passage.pitched:
        weight[note.pitch % 12] += note.velocity * note.duration
    return weight / weight.sum() if weight.any() else weight


def pitch_class_transitions(passage: Passage) -> Vector:
    """(144,): in each part, notes that end where others begin, within 50 ms; counts."""
    matrix = np.zeros((12, 12))
    for notes in _by_part(passage.pitched):
        onsets = np.array([note.onset for note in notes])
        ends = np.array([note.end for note in notes])
        classes = np.array([note.pitch % 12 for note in notes])
        gap = np.abs(np.subtract.outer(ends, onsets))
        before, after = np.nonzero(gap * passage.seconds(1) < LEGATO_S)
        np.add.at(matrix, (classes[before], classes[after]), 1)
    return matrix.ravel()


def pitch_range(passage: Passage) -> Vector:
    pitches = [note.pitch for note in passage.pitched]
    return np.array([float(max(pitches) - min(pitches)) if pitches else 0.0])


def pitch_interval(passage: Passage) -> Vector:
    """Mean distance of each note to the next, semitones."""
    pitches = [note.pitch for note in _in_time(passage.pitched)]
    return np.array([_mean([abs(b - a) for a, b in pairwise(pitches)])])


def inter_onset(passage: Passage) -> Vector:
    """Mean, in seconds; the notes of a chord are 0 apart."""
    onsets = sorted(note.onset for note in passage.notes)
    return np.array([passage.seconds(_mean([b - a for a, b in pairwise(onsets)]))])


def length_histogram(passage: Passage) -> Vector:
    """(12,), sum 1; zeros for silence."""
    counts = np.bincount(_length_classes(passage), minlength=12).astype(np.float64)
    return counts / counts.sum() if counts.any() else counts


def length_transitions(passage: Passage) -> Vector:
    """(144,): each note's class of length to the next's; counts."""
    classes = _length_classes(passage)
    matrix = np.zeros((12, 12))
    np.add.at(matrix, (classes[:-1], classes[1:]), 1)
    return matrix.ravel()


def segmented(measure: Callable[[Passage], Vector]) -> Callable[[Passage], Vector]:
    """The measure of each of 64 stretches of equal duration, end to end; a note counts where it begins."""

    def measured(passage: Passage) -> Vector:
        stretch = passage.ticks / SEGMENTS
        notes: list[list[Note]] = [[] for _ in range(SEGMENTS)]
        for note in passage.notes:
            notes[int(note.onset / stretch)].append(note)
        return np.concatenate([measure(_with(passage, each)) for each in notes])

    return measured


MEASURES: dict[str, Callable[[Passage], Vector]] = {
    "PC": used_pitches,
    "PC/seg": segmented(used_pitches),
    "NC": note_count,
    "NC/seg": segmented(note_count),
    "PCH": pitch_class_histogram,
    "PCH/seg": segmented(pitch_class_histogram),
    "PCTM": pitch_class_transitions,
    "PR": pitch_range,
    "PI": pitch_interval,
    "IOI": inter_onset,
    "IOI/seg": segmented(inter_onset),
    "NLH": length_histogram,
    "NLTM": length_transitions,
}
VARIANTS: dict[str, Callable[[Passage], Vector]] = {"PC by prose": used_pitch_classes}


def _length_classes(passage: Passage) -> NDArray[np.int64]:
    lengths = np.array([note.duration for note in _in_time(passage.notes)]).reshape(-1, 1)
    nearest: NDArray[np.int64] = np.abs(lengths - LENGTHS).argmin(axis=1)
    return nearest


def _in_time(notes: Sequence[Note]) -> list[Note]:
    return sorted(notes, key=lambda note: (note.onset, note.pitch))


def _by_part(notes: Sequence[Note]) -> list[list[Note]]:
    return [list(run) for _, run in groupby(sorted(notes, key=lambda n: n.part), key=lambda n: n.part)]


def _with(passage: Passage, notes: Sequence[Note]) -> Passage:
    return Passage(tuple(notes), passage.programs, passage.bars, passage.meter, passage.bpm)


def _mean(values: Sequence[int]) -> float:
    return float(np.mean(values)) if values else 0.0
