"""How fast each way of sharing decodes, all side by side in one run. What is learned does not matter: random weights.

The study's own shape, and the shipped `small`, in our fastest engine with one thread.
"""

import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from itertools import repeat
from pathlib import Path
from typing import Final

import torch

from benchmarks.company import company
from benchmarks.engines import our_backends
from benchmarks.report import commit, cpu
from benchmarks.rounds import interleave
from benchmarks.sharing import TOKENS, Stand
from benchmarks.study.notes import note_rows
from benchmarks.study.paired import Json
from benchmarks.study.plan import MHA, POOLED, Match, StudyPlan, shaped
from model.networks.config import NetworkConfig, preset

SHAPES: Final = ("small", "study")
LONG: Final = 8192  # from here on, where rounds are short, one sequence only: eight take minutes to read


def speeds(plan: StudyPlan, folder: Path) -> Json:
    """Of a decode step, each way that the fastest engine knows. `notes`: of notes, every way, in torch."""
    steps = _once(folder / f"speed-{plan.speed_s:g}.json", lambda name: _rows(name, plan))
    notes = _once(folder / f"notes-{plan.speed_s:g}.json", lambda name: note_rows(name, _shape(name, plan), plan))
    return steps | {"notes": notes}


def _once(file: Path, measure: Callable[[str], list[Json]]) -> Json:
    """Measured once for each plan and processor, then read from the file."""
    if file.exists() and (known := json.loads(file.read_text()))["cpu"] == cpu():
        return dict(known)
    torch.set_num_threads(1)
    with company() as words:
        rows = [row for name in SHAPES for row in measure(name)]
    date = datetime.now(UTC).isoformat(timespec="seconds")
    found: Json = {"commit": commit(), "cpu": cpu(), "date": date, "company": words, "rows": rows}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(found, indent=1) + "\n")
    return found


def _rows(name: str, plan: StudyPlan) -> list[Json]:
    backend = our_backends()[0]
    stands = {way: Stand(_long(name, way, plan), backend) for way in plan.ways if way != POOLED}
    rows = []
    for context in plan.contexts:
        counts = plan.sequences[:1] if context >= LONG and plan.speed_s < 10 else plan.sequences
        rows += _beside(stands, context, counts, plan.speed_s, {"shape": name, "engine": backend.name})
    return rows


def _beside(stands: dict[str, Stand], context: int, counts: Sequence[int], seconds: float, about: Json) -> list[Json]:
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # nothing is timed yet, and long contexts take long
        list(pool.map(Stand.grow, stands.values(), repeat(context), repeat(counts[-1])))
    slices = {(way, count): stand.steps(context, count) for way, stand in stands.items() for count in counts}
    timed = interleave(slices, seconds)
    return [
        {
            **about,
            "context": context,
            "sequences": count,
            "way": way,
            "ms_p50": round(timed[way, count].median, 4),
            "times_as_fast": round(timed[way, count].times_as_fast_as(timed[MHA, count]), 3),
            "rounds": len(timed[way, count].rounds),
            "kv_bytes": round(stand.kv_bytes),
        }
        for count in counts
        for way, stand in stands.items()
    ]


def _long(name: str, way: str, plan: StudyPlan) -> NetworkConfig:
    return replace(shaped(_shape(name, plan), way, Match.WIDTH), context=max(plan.contexts) + TOKENS + 1)


def _shape(name: str, plan: StudyPlan) -> NetworkConfig:
    return plan.shape if name == "study" else preset(name)
