"""Tunes by the dozen, each unlike the others, in any key, tempo and setting."""

import numpy as np

from model.training.archive import Member
from model.training.corpus import Piece
from music.files import write_midi
from music.score import Note, Part, Score
from music.time import Tempo, Tick

LEAPS = (-7, -5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 7)


def tune(seed: int, *, key: int = 0, length: int = 80, bass: bool = False) -> Score:
    """A melody that wanders about middle C; with `bass`, over a part of its own."""
    rng = np.random.default_rng(seed)
    pitch, notes = 60, []
    for i in range(length):
        leap = int(rng.choice(LEAPS))
        pitch += leap if 50 <= pitch + leap <= 72 else -leap
        notes.append(Note(Tick(240 * i), 0, pitch + key, 80, 240))
    if bass:
        notes += [Note(Tick(960 * i), 1, 36 + key + int(rng.integers(12)), 70, 960) for i in range(length // 4)]
    parts = (Part(0), Part(33)) if bass else (Part(0),)
    return Score(parts, tuple(sorted(notes)), (Tempo.from_bpm(100 + seed % 50),))


def member(score: Score, path: str, split: str = "train", *, piece: str = "", source: str = "made") -> Member:
    row = {"source": source, "path": path, "genre": "folk", "ts": "4/4", "split": split, "piece": piece or path}
    return row, write_midi(score)


def piece_of(score: Score, split: str = "train", path: str = "") -> Piece:
    rows = [(n.onset, n.part, n.pitch, n.velocity, n.duration) for n in score.notes]
    programs = tuple(part.program for part in score.parts)
    return Piece("made", None, split, programs, score.tempos, score.meters, np.array(rows, np.int32), path, path)
