"""Three sets as pictures: what the human played, what the machine played, and what its plan was at one moment.

TRADEFOURS_CORPUS=... python -m benchmarks.live_pictures docs
"""

import os
import sys
from pathlib import Path
from typing import Any, Final

from benchmarks.live_listening import SPLIT, humans_bars, start_of
from benchmarks.live_pieces import Performance, choose_performances
from benchmarks.live_sim import Set, simulate
from model.engine.work import Engine
from music.piano_roll import Moment, draw_moment
from music.score import Note
from music.time import Tick
from server.engine_choice import load_engine
from server.settings import Settings
from server.train import CORPUS, open_corpus
from streaming.messages import Mode, PlannedNote

SHOWN: Final[dict[Mode, str]] = {"duet": "song", "accompany": "piano", "trade": "jazz"}  # the first of each kind
LOOK_AT: Final = {"duet": 2.25, "accompany": 2.25, "trade": 1.75}  # bars
SEED: Final = 4
STEP_NS: Final = 500_000  # so that the same command draws the same pictures


def draw_set(engine: Engine[Any], performance: Performance, mode: Mode, folder: Path) -> Path:
    """`playing-MODE.png`."""
    human, start = humans_bars(performance, mode), start_of(performance, mode, SEED)
    at = Tick(round(LOOK_AT[mode] * human.meter.bar_ticks))
    played = simulate(engine, start, human.notes, human.ticks, step_ns=STEP_NS, look_at=[at])
    file = folder / f"playing-{mode}.png"
    title = f"{mode}: {Path(performance.path).stem}, {human.bpm:.0f} bpm"
    draw_moment(human.score(), _moment(played, human.notes), file, end=human.ticks, title=title)
    return file


def _moment(played: Set, human: tuple[Note, ...]) -> Moment:
    (view,) = played.views
    heard = tuple(note for note in human if note.onset <= view.at)
    committed, tentative = (tuple(map(_note, each)) for each in (view.committed, view.tentative))
    return Moment(view.at, played.notes, heard, committed, tentative)


def _note(planned: PlannedNote) -> Note:
    return Note(Tick(planned.tick), planned.part, planned.pitch, planned.velocity, planned.duration)


def main(folder: Path) -> None:
    corpus = Path(os.environ.get("TRADEFOURS_CORPUS", CORPUS))
    performances = choose_performances(open_corpus(corpus).split(SPLIT).pieces)
    engine = load_engine(Settings(model="small", max_sessions=1)).engine
    for mode, kind in SHOWN.items():
        print(draw_set(engine, next(each for each in performances if each.kind == kind), mode, folder))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
