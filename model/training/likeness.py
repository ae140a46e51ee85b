"""Which pieces are the same music: exactly, or in long stretches of a melody. Both are blind to transposition.

Knows neither splits nor files. Drums have no melody: of them only exact copies are found.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.tokens.vocabulary import TICKS_PER_STEP
from model.training.corpus import Piece
from music.score import DRUMS

WINDOW = 12  # intervals in a row
VARIED = 4  # a window has at least so many different ones: repeated notes and trills are in every piece
IDIOM = 4  # a window that more families than this have is a scale, a broken chord, a style
Hashes = NDArray[np.uint64]
Numbers = NDArray[np.int64]


def content_hash(piece: Piece) -> str:
    """Equal for two pieces with the same notes at the same places, whatever key, players, velocities and lengths."""
    onset, part, pitch = piece.notes[:, 0], piece.notes[:, 1], piece.notes[:, 2].astype(np.int64)
    tuned = _tuned(piece)[part]
    lowest = pitch[tuned].min() if tuned.any() else 0
    key = np.where(tuned, pitch - lowest, 128 + pitch)
    places = (onset - onset[0]) // TICKS_PER_STEP * 256 + key
    return hashlib.sha256(np.unique(places).astype("<i8").tobytes()).hexdigest()


def windows(piece: Piece) -> Hashes:
    """Each stretch of melody, as a number: the top and bottom lines of all, the top line of each part. Ascending."""
    onset, part, pitch = piece.notes[:, 0], piece.notes[:, 1], piece.notes[:, 2]
    tuned = _tuned(piece)[part]
    voices = [(tuned, 1), (tuned, -1)]
    voices += [(part == p, 1) for p in np.unique(part[tuned])] if len(np.unique(part[tuned])) > 1 else []
    return np.unique(np.concatenate([_stretches(_line(onset[of], pitch[of], side)) for of, side in voices]))


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pieces that share stretches of melody. All of one length."""

    first: Numbers
    second: Numbers  # the larger index
    shared: Numbers  # stretches, idioms apart
    share: NDArray[np.float64]  # of the stretches of the piece that has fewer
    overlap: NDArray[np.float64]  # of the stretches that either has


def alike(prints: Sequence[Hashes], families: Sequence[str]) -> Pairs:
    """Every pair of pieces with a stretch in common. prints: the windows of each piece."""
    count = len(prints)
    sizes = np.array([len(p) for p in prints], np.int64)
    hashes, owner = np.concatenate([*prints, np.zeros(0, np.uint64)]), np.repeat(np.arange(count), sizes)
    order = np.argsort(hashes, kind="stable")  # so the owners of one hash ascend
    hashes, owner = hashes[order], owner[order]
    starts = np.flatnonzero(np.append(True, hashes[1:] != hashes[:-1]))
    owners = np.diff(np.append(starts, len(hashes)))
    family = np.unique(list(families), return_inverse=True)[1]
    keys = [np.zeros(0, np.int64)]
    for n in np.unique(owners[owners > 1]):
        group = owner[starts[owners == n, None] + np.arange(n)]
        kin = np.sort(family[group], axis=1)
        group = group[1 + (np.diff(kin, axis=1) != 0).sum(axis=1) <= IDIOM]
        if len(group):
            a, b = np.triu_indices(n, 1)
            keys.append((group[:, a] * count + group[:, b]).ravel())
    pairs, shared = np.unique(np.concatenate(keys), return_counts=True)
    first, second = np.divmod(pairs, count)
    smaller, both = np.minimum(sizes[first], sizes[second]), sizes[first] + sizes[second] - shared
    return Pairs(first, second, shared, shared / smaller, shared / both)


def _tuned(piece: Piece) -> NDArray[np.bool_]:
    return np.array([program != DRUMS for program in piece.programs])


def _line(onset: NDArray[np.int32], pitch: NDArray[np.int32], side: int) -> Numbers:
    """The highest pitch of each onset (side 1), or the lowest (-1)."""
    order = np.lexsort((-side * pitch, onset))
    first = np.diff(onset[order], prepend=-1) != 0
    line: Numbers = pitch[order][first].astype(np.int64)
    return line


def _stretches(line: Numbers) -> Hashes:
    intervals = np.diff(line)
    if len(intervals) < WINDOW:
        return np.zeros(0, np.uint64)
    every = np.lib.stride_tricks.sliding_window_view(intervals, WINDOW)
    varied = 1 + (np.diff(np.sort(every, axis=1), axis=1) != 0).sum(axis=1) >= VARIED
    hashed = np.zeros(len(every), np.uint64)
    for interval in every.T:
        hashed = hashed * np.uint64(0x9E3779B97F4A7C15) + (interval + 128).astype(np.uint64)
        hashed ^= hashed >> np.uint64(29)
    chosen: Hashes = hashed[varied]
    return chosen
