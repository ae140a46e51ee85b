"""`tradefours bench live --sim --hours 2`: is a set as light in its last minutes as it was in its first?

A duet on the virtual clock: a human of eight notes a second in phrases of 14 s, two bars of rest behind each. The
network, the session and its host are the real ones; a pass of the engine costs half a millisecond of the set's time.

- `step`: what a call of the engine takes by the wall, so on a machine that does nothing else.
- `rss_mb`: of the process, at the end of the stretch.
- `late`, `rested`: so far.
"""

import gc
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from resource import getpagesize
from typing import Any, Final

from tqdm import tqdm

from benchmarks.around import Timed
from benchmarks.live_sim import Simulation
from benchmarks.report import Row, write_report
from clients.times import percentile
from model.engine.work import Engine
from music.score import Note
from music.time import Tick
from server.engine_choice import load_engine
from server.settings import Settings
from streaming.messages import Start

STRETCHES: Final = 12
BPM: Final = 120.0
SECOND: Final = 960  # ticks
PHRASE, REST = 14, 2  # seconds
PER_S: Final = 8
SCALE: Final = (60, 62, 63, 65, 67, 68, 70, 72, 74, 75)
STEP_NS: Final = 500_000
QUICK_S: Final = 120


def bench_long(*, model: str, hours: float, quick: bool, json_file: Path | None) -> int:
    """Measure, print, write. Returns the exit code."""
    seconds = QUICK_S if quick else round(hours * 3600)
    rows = measure_long(load_engine(Settings(model=model, max_sessions=1)).engine, seconds)
    first, settled, last = rows[0], rows[len(rows) // 4], rows[-1]
    ratios = {
        "step_p99_last_to_first": last["step_p99_ms"] / first["step_p99_ms"],
        "rss_grown_mb": last["rss_mb"] - settled["rss_mb"],
    }
    note = f"{seconds / 3600:.3g} hours of music. rss_grown_mb: since the first quarter, in which caches fill."
    write_report("live-long", rows, ratios, json_file, [note])
    return 0


def measure_long(engine: Engine[Any], seconds: int) -> list[dict[str, Any]]:
    timed = Timed(engine)
    start = Start(mode="duet", bpm=BPM, seed=1)
    simulation = Simulation(timed, start, list(phrases(seconds)), STEP_NS, remembers=False)
    rows = []
    for stretch in tqdm(range(STRETCHES), desc="stretches", disable=None):
        timed.took.clear()
        end = Tick((stretch + 1) * seconds * SECOND // STRETCHES)
        simulation.advance(end)
        rows.append({"to_minute": round(end / SECOND / 60, 1), **_figures(timed.took), **simulation.counted()})
    simulation.finish(Tick(seconds * SECOND))
    return rows


def phrases(seconds: int) -> Iterator[Note]:
    """The human's."""
    dice, gap = random.Random(1), SECOND // PER_S
    for begin in range(0, seconds, PHRASE + REST):
        for i in range(PHRASE * PER_S):
            onset = Tick(begin * SECOND + i * gap)
            yield Note(onset, 0, dice.choice(SCALE), dice.randint(50, 100), gap - 20)


def _figures(took: Sequence[int]) -> Row:
    gc.collect()
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * getpagesize()
    shares = {f"step_p{share}_ms": round(percentile(took, share / 100) / 1e6, 3) for share in (50, 95, 99)}
    return {"steps": len(took), **shares, "rss_mb": round(resident / 1e6, 1)}
