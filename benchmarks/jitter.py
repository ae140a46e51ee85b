"""`tradefours bench jitter`: how evenly one player's tokens come. The shipped `small` at a context of 512.

- `free`: one token after another. `paced`: 100 a second, from when a token was due to when it was there.
- `busy ...`: the same while another process computes on as much of a second core as the system gives it.
- `served`: the engine's steps for four players of the WebSocket server, in its process, who send 400 messages a second.
- `2 threads ...`: each once more with the engine's second thread, where there is a core for it.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Final

import torch

from benchmarks.crowd import PLAYERS
from benchmarks.engines import TWO_THREADS, our_backends
from benchmarks.pace import Players, paced
from benchmarks.programs import busy_core
from benchmarks.report import Row, write_report
from benchmarks.rounds import Slice, Timed, interleave, timed_ms
from benchmarks.served import served_steps
from model.registry import load
from music.errors import TradefoursError

CONTEXT: Final = 512
SCENE_S: Final = 0.7
QUICK_S: Final = 22.0  # of rounds of the scenes but the last
FULL_S: Final = 180.0
QUICK_SERVED_S: Final = 8.0
FULL_SERVED_S: Final = 60.0


def bench_jitter(*, quick: bool, json_file: Path | None) -> int:
    """Measure, print, write. Returns the exit code."""
    torch.set_num_threads(1)
    network, backends = load("small"), our_backends(paired=True)
    contestants = {"": backends[0]}
    if TWO_THREADS in backends:
        contestants["2 threads "] = TWO_THREADS
    slices = {
        who + scene: each
        for who, backend in contestants.items()
        for scene, each in scenes(Players(backend.make(network, 1), 1, CONTEXT)).items()
    }
    timed = interleave(slices, QUICK_S if quick else FULL_S)
    for who, backend in contestants.items():
        steps = served_steps(backend.make(network, PLAYERS + 1), QUICK_SERVED_S if quick else FULL_SERVED_S)
        if not steps:
            raise TradefoursError("expected steps of the server's engine, got none")
        timed[who + "served"] = Timed((tuple(steps),))
    rows = [_row(scene, each) for scene, each in timed.items()]
    ratios = {
        f"{scene.replace(' ', '_')}_{name}": value
        for scene, each in timed.items()
        for name, value in _figures(each).items()
    }
    write_report("jitter", rows, ratios, json_file, [f"Engine: {backends[0].name}."])
    return 0


def scenes(player: Players) -> dict[str, Slice]:
    def free() -> list[float]:
        times, end = [], perf_counter() + SCENE_S
        while perf_counter() < end:
            times.append(timed_ms(partial(player.step, [0])))
        return times

    def at_pace() -> list[float]:
        return paced(player, 1, SCENE_S)[0]

    return {"free": free, "paced": at_pace, "busy free": _beside(free), "busy paced": _beside(at_pace)}


def _beside(scene: Callable[[], list[float]]) -> Slice:
    def run() -> list[float]:
        with busy_core():
            return scene()

    return run


def _figures(timed: Timed) -> dict[str, float]:
    shares = {"p50_ms": 0.5, "p99_ms": 0.99, "max_ms": 1.0}
    return {name: round(timed.quantile(share), 4) for name, share in shares.items()}


def _row(scene: str, timed: Timed) -> Row:
    return {"scene": scene, "tokens": sum(map(len, timed.rounds)), **_figures(timed)}
