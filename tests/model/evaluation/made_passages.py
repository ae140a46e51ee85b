"""Passages written in one line: notes as (onset in quarters, pitch, length in quarters)."""

from model.evaluation.passage import Passage
from music.score import DRUMS, Note
from music.time import TICKS_PER_QUARTER, Meter, Tick


def passage(*notes: tuple[float, int, float], bars: int = 1, program: int = 0, meter: Meter | None = None) -> Passage:
    """One part at 120 bpm, velocity 64."""
    rows = [Note(Tick(round(t * TICKS_PER_QUARTER)), 0, p, 64, round(d * TICKS_PER_QUARTER)) for t, p, d in notes]
    return Passage(tuple(sorted(rows)), (program,), bars, meter or Meter(), 120.0)


def beat(bars: int = 1) -> Passage:
    """A bass drum on every quarter."""
    return passage(*((float(i), 36, 0.25) for i in range(4 * bars)), bars=bars, program=DRUMS)


def together(*parts: Passage) -> Passage:
    """Each passage's one part as a part of one."""
    notes = [Note(n.onset, i, n.pitch, n.velocity, n.duration) for i, part in enumerate(parts) for n in part.notes]
    return Passage(
        tuple(sorted(notes)), tuple(p.programs[0] for p in parts), parts[0].bars, parts[0].meter, parts[0].bpm
    )
