"""`tradefours bench overload`: a full server to which ten times as many come as it has places for.

A real server in a process of its own, as many players as it takes, and as many generations as may wait, each of 4,096
bars; then, from a third process, ten times as many of both (`benchmarks/throng.py`). Rows, by phase: two undisturbed
stretches, which tell how much the machine itself varies, the overload, and what comes after it.

- `lateness_p99_ms`, `margin_p01_ms`, `in_time_share`, `reaction_p95_ms`: of the players inside (`live_many`).
- `ready_p50_ms`, `ready_p99_ms`: how soon `GET /ready` answers, twenty times a second, each on a connection of its own.
- `rss_mb`: of the server, the most in the phase.
- Of those outside: how many came, how they were answered, and how soon after the wish to connect.
- `normal_after_s`: from the end of the offers until ten in a row of these requests were as fast as the undisturbed p99.
"""

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, monotonic_ns
from typing import Any, Final

from benchmarks.live_many import HUMAN_PER_S, Heard, Performer, figures
from benchmarks.plain_http import ask
from benchmarks.programs import serving
from benchmarks.report import ROOT, write_report
from benchmarks.throng import ADMITTED
from benchmarks.time_bar import time_bar
from clients.times import percentile
from music.errors import TradefoursError

TIMES: Final = 10
SETTLE_S: Final = 3.0
QUICK_S: Final = 8.0  # a phase
FULL_S: Final = 40.0
PROBE_S: Final = 0.05
CALM: Final = 10  # probes in a row
PHASES: Final = ("undisturbed", "undisturbed again", "overload", "after")
Figures = dict[str, Any]  # a row of the table

WORK: Final = json.dumps({"bars": 64, "variations": 64}).encode()


@dataclass(slots=True)
class Phase:
    name: str
    heard: list[Heard]
    probes: list[tuple[float, float]] = field(default_factory=list)  # when it was answered, and the milliseconds
    rss: list[float] = field(default_factory=list)

    def row(self, seconds: float) -> Figures:
        ready = [ms for _, ms in self.probes]
        found = figures(self.heard, seconds)
        names = ("lateness_p99_ms", "margin_p01_ms", "in_time_share", "reaction_p95_ms", "tokens_per_s")
        return {
            "phase": self.name,
            "players": found["players"],
            **{name: found[name] for name in names},
            "ready_p50_ms": round(_quantile(ready, 0.5), 2),
            "ready_p99_ms": round(_quantile(ready, 0.99), 2),
            "rss_mb": round(max(self.rss), 1),
        }


def bench_overload(*, quick: bool, json_file: Path | None, model: str = "small", players: int = 4) -> int:
    """Measure, print, write. Returns the exit code."""
    seconds = QUICK_S if quick else FULL_S
    with TemporaryDirectory() as folder:
        environ = {"TRADEFOURS_GENERATIONS": folder}
        with serving(model, "--max-sessions", str(players), environ=environ) as url:
            address = url.removeprefix("ws://").partition("/")[0]
            with time_bar(SETTLE_S + len(PHASES) * seconds, "overload"):
                phases, offers = asyncio.run(measure(address, players, seconds))
    rows = [phase.row(seconds) for phase in phases]
    refusals = [refusal_row(kind, answers) for kind, answers in offers.items()]
    write_report("overload", rows, ratios(phases, rows, refusals), json_file, further=refusals)
    return 0


async def measure(address: str, players: int, seconds: float) -> tuple[list[Phase], dict[str, Any]]:
    """All phases, and how those outside were answered."""
    waiting = await fill(address)
    began = monotonic_ns()
    end = began + round((SETTLE_S + len(PHASES) * seconds + 1) * 1e9)
    throng = await _throng(address, players, waiting, seconds)
    performers = [Performer(f"ws://{address}/v1/live", seed, began, end) for seed in range(players)]
    playing = [
        asyncio.create_task(each.perform(delay_s=i / players / HUMAN_PER_S)) for i, each in enumerate(performers)
    ]
    await asyncio.sleep(SETTLE_S)
    phases, offers = [], dict[str, Any]()
    for name in PHASES:
        answers = asyncio.create_task(throng.communicate(b"come\n")) if name == "overload" else None
        phases.append(await _phase(name, address, performers, seconds))
        if answers:
            offers = json.loads((await answers)[0])
        for task in playing:
            if task.done():
                task.result()
    for task in playing:
        task.cancel()
    await asyncio.gather(*playing, return_exceptions=True)
    return phases, offers


async def fill(address: str) -> int:
    """As many generations as may wait. Returns how many."""
    count = 0
    while (answer := await ask(address, "/v1/generations", WORK)).status == 202:
        count += 1
    if answer.status != 429:
        raise TradefoursError(f"expected 202 until 429, got {answer.status}: {answer.body.decode(errors='replace')}")
    return count


async def _throng(address: str, players: int, waiting: int, seconds: float) -> asyncio.subprocess.Process:
    """It comes when it is told to: what a program costs before it is ready is not measured."""
    command = ["-m", "benchmarks.throng", address, *map(str, (TIMES * players, TIMES * waiting, seconds))]
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(sys.executable, *command, cwd=ROOT, stdin=pipe, stdout=pipe)


async def _phase(name: str, address: str, performers: Sequence[Performer], seconds: float) -> Phase:
    before = [each.heard for each in performers]
    for each in performers:
        each.heard = Heard(late=each.heard.late, rested=each.heard.rested)
    phase = Phase(name, [each.heard for each in performers])
    end = monotonic() + seconds
    while monotonic() < end:
        answer = await ask(address, "/ready")
        phase.probes.append((monotonic(), answer.ms))
        if len(phase.probes) % round(1 / PROBE_S) == 1:
            phase.rss.append(rss_mb((await ask(address, "/metrics")).body.decode()))
        await asyncio.sleep(PROBE_S)
    for heard, earlier in zip(phase.heard, before, strict=True):  # the server counts from the session's start
        heard.late -= earlier.late
        heard.rested -= earlier.rested
    return phase


def sample(metrics: str, name: str) -> float:
    """Of `/metrics`, the value of what has no labels."""
    return float(next(line.split()[1] for line in metrics.splitlines() if line.startswith(f"{name} ")))


def rss_mb(metrics: str) -> float:
    return sample(metrics, "process_resident_memory_bytes") / 2**20


def refusal_row(kind: str, answers: dict[str, list[float]]) -> Figures:
    times = [ms for each in answers.values() for ms in each]
    return {
        "outside": kind,
        "came": len(times),
        "admitted": len(answers.get(ADMITTED, ())) + len(answers.get("202", ())),
        "answers": ", ".join(sorted(answers)),
        **{f"refused_{name}_ms": round(_quantile(times, share), 2)
           for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0))},
    }  # fmt: skip


def ratios(phases: Sequence[Phase], rows: Sequence[Figures], refusals: Sequence[Figures]) -> dict[str, float]:
    calm, again, overload, after = rows
    found: dict[str, float] = {f"{row['outside']}_refused_p99_ms": row["refused_p99_ms"] for row in refusals}
    return {
        **found,
        "lateness_p99_ms_undisturbed": max(calm["lateness_p99_ms"], again["lateness_p99_ms"]),
        "lateness_p99_ms_overload": overload["lateness_p99_ms"],
        "rss_grown_mb": round(max(overload["rss_mb"], after["rss_mb"]) - again["rss_mb"], 1),
        "normal_after_s": normal_after_s(phases),
    }


def normal_after_s(phases: Sequence[Phase]) -> float:
    """-1 where that never came."""
    calm, again, _, after = (phase.probes for phase in phases)
    bound = _quantile([ms for _, ms in (*calm, *again)], 0.99)
    in_row = 0
    for moment, ms in after:
        in_row = in_row + 1 if ms <= bound else 0
        if in_row == CALM:
            return round(moment - after[0][0], 2)
    return -1.0


def _quantile(times: Sequence[float], share: float) -> float:
    return percentile([round(ms * 1e6) for ms in times], share) / 1e6
