"""Pieces as a corpus has them, made by hand."""

import numpy as np

from model.training.corpus import Piece
from music.score import DRUMS
from music.time import Meter, MeterChange, Tempo, Tick

SONG = (0, 0)


def made_piece(
    *,
    source: str = "pop909",
    programs: tuple[int, ...] = SONG,
    bars: int = 16,
    meter: Meter | None = None,
    begin: int = 0,
) -> Piece:
    """Part 0 in quarters up and down a scale of C, from bar `begin` on; part 1 a low C on every bar line."""
    scale = (60, 62, 64, 65, 67, 65, 64, 62)
    rows = [(480 * i, 0, scale[i % 8] if programs[0] != DRUMS else 36, 80, 240) for i in range(4 * begin, 4 * bars)]
    if len(programs) > 1:
        rows += [(480 * i, 1, 48, 64, 960) for i in range(0, 4 * bars, 2)]
    notes = np.array(sorted(rows), np.int32)
    meters, tempos = (MeterChange(Tick(0), meter or Meter()),), (Tempo.from_bpm(100),)
    return Piece(source, None, "valid", programs, tempos, meters, notes, f"{source}/{begin}.mid", source)
