"""What a corpus is: pieces as arrays of notes, in splits that share no piece. Knows no files."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from music.time import MeterChange, Tempo

SPLITS = ("valid", "test", "train")  # where two pieces are alike, the one in the earlier split stays

Notes = NDArray[np.int32]  # (n, 5): onset, part, pitch, velocity, duration, sorted by the first three


@dataclass(frozen=True, slots=True)
class Piece:
    """One file of the corpus, as exact as tokens are: on the grid, in bins of velocity and duration."""

    source: str
    style: str | None
    split: str  # one of SPLITS
    programs: tuple[int, ...]
    tempos: tuple[Tempo, ...]
    meters: tuple[MeterChange, ...]
    notes: Notes
    path: str = ""  # in the archive
    family: str = ""  # the same for all versions of one piece of music
    licence: str = ""


@dataclass(frozen=True, slots=True)
class Dropped:
    """A file that did not come into the corpus."""

    source: str
    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Corpus:
    pieces: tuple[Piece, ...]
    dropped: tuple[Dropped, ...] = ()

    def split(self, name: str) -> "Corpus":
        return Corpus(tuple(piece for piece in self.pieces if piece.split == name), self.dropped)

    def dropped_table(self) -> str:
        """Markdown: files by source and reason."""
        reasons = sorted({drop.reason for drop in self.dropped})
        lines = [f"| source | kept | {' | '.join(reasons)} |", "|---" * (len(reasons) + 2) + "|"]
        for source in sorted({p.source for p in self.pieces} | {d.source for d in self.dropped}):
            kept = sum(piece.source == source for piece in self.pieces)
            counts = [sum((d.source, d.reason) == (source, reason) for d in self.dropped) for reason in reasons]
            lines.append(f"| {source} | {kept} | {' | '.join(str(count or '') for count in counts)} |")
        counts = [sum(d.reason == reason for d in self.dropped) for reason in reasons]
        return "\n".join([*lines, f"| all | {len(self.pieces)} | {' | '.join(map(str, counts))} |"])
