"""`tradefours bench sessions`: 1 to 16 players on one engine, context 512; on a GPU 1 to 256.

- pace "free": one step after another, a token for each player; `ms_...` are of steps, `tokens_per_s` of all players.
- pace "100/s": each player is due for a token every 10 ms, at moments of its own, and whoever is due shares the next
  step. `ms_...` are from when a token was due to when it was there; `ms_p99` and `ms_max` are the worst player's.
- sharing "..., 2 threads": with the engine's second thread, where there is a core for it.
"""

from collections.abc import Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Final

import torch

from benchmarks.engines import CUDA, TWO_THREADS, Backend, On, gpu_notes, network, our_backends, shape
from benchmarks.pace import PER_SECOND, WALK, Players, paced
from benchmarks.report import Row, write_report
from benchmarks.rounds import Timed, interleave, repeated
from model.networks.config import Sharing

COUNTS: Final = (1, 2, 4, 8, 16)
CUDA_COUNTS: Final = (1, 16, 64, 256)  # and `medium`: a GPU has room for more
CONTEXT: Final = 512
SHARINGS: Final = (Sharing.ROUTED, Sharing.PARTITIONED, Sharing.MHA)
PLAIN: Final = SHARINGS[0].value
HELPED: Final = f"{PLAIN}, 2 threads"
QUICK_S: Final = 12.0  # of rounds
FULL_S: Final = 120.0
QUICK_PACED_S: Final = 3.0  # for each count
FULL_PACED_S: Final = 20.0

Key = tuple[str, int]  # who, how many


def bench_sessions(*, quick: bool, json_file: Path | None, on: On = On.PROCESSOR) -> int:
    """Measure, print, write. Returns the exit code."""
    torch.set_num_threads(1)
    backends = our_backends(on, paired=True)
    backend = backends[0]
    size, counts = ("medium", CUDA_COUNTS) if backend is CUDA else ("small", COUNTS)
    contestants: dict[str, tuple[Backend, Sharing]] = {each.value: (backend, each) for each in SHARINGS}
    if TWO_THREADS in backends:
        contestants[HELPED] = (TWO_THREADS, SHARINGS[0])
    players = {
        (who, count): make_players(engine, size, sharing, count)
        for who, (engine, sharing) in contestants.items()
        for count in counts
    }
    slices = {key: repeated(partial(each.step, range(key[1]))) for key, each in players.items()}
    free = interleave(slices, QUICK_S if quick else FULL_S)
    rows: list[Row] = [_free_row(key, timed) for key, timed in free.items()]
    at_pace = {}
    for count in counts:
        for who in (name for name in contestants if name in (PLAIN, HELPED) or not quick):
            at_pace[who, count] = paced(players[who, count], count, QUICK_PACED_S if quick else FULL_PACED_S)
    rows += [_paced_row(key, late, QUICK_PACED_S if quick else FULL_PACED_S) for key, late in at_pace.items()]
    alone, together = free[PLAIN, 1], free[PLAIN, counts[-1]]
    ratios = {
        f"sessions_{counts[-1]}_p99_ms": worst(at_pace[PLAIN, counts[-1]], 0.99),
        f"tokens_per_s_{counts[-1]}_vs_1": counts[-1] * together.times_as_fast_as(alone),
    }
    for count in counts if HELPED in contestants else ():
        ratios[f"two_threads_{count}"] = free[HELPED, count].times_as_fast_as(free[PLAIN, count])
    write_report("sessions", rows, ratios, json_file, [f"Engine: {backend.name}, {size}.", *gpu_notes(backend)])
    return 0


def make_players(backend: Backend, size: str, sharing: Sharing, count: int) -> Players:
    config = shape(size, sharing, CONTEXT + WALK)
    return Players(backend.make(network(config), count), count, CONTEXT)


def worst(late: Sequence[Sequence[float]], share: float) -> float:
    """The quantile of the player who fared worst."""
    return max(Timed((tuple(each),)).quantile(share) for each in late)


def _free_row(key: Key, timed: Timed) -> Row:
    sharing, count = key
    return {
        "sharing": sharing,
        "sessions": count,
        "pace": "free",
        "tokens_per_s": round(1000 * count / timed.median),
        "ms_p50": round(timed.median, 4),
        "ms_p99": round(timed.quantile(0.99), 4),
        "ms_max": round(timed.quantile(1.0), 4),
    }


def _paced_row(key: Key, late: Sequence[Sequence[float]], seconds: float) -> Row:
    sharing, count = key
    return {
        "sharing": sharing,
        "sessions": count,
        "pace": f"{PER_SECOND}/s",
        "tokens_per_s": round(sum(map(len, late)) / seconds),
        "ms_p50": round(median(chain(*late)), 4),
        "ms_p99": round(worst(late, 0.99), 4),
        "ms_max": round(worst(late, 1.0), 4),
    }
