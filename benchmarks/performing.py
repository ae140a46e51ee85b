"""`tradefours bench performing`: PerceiverS making music token by token, at ever longer contexts, in both modes.

Torch in float32, one thread, random weights of `perceivers-small` with a context of 32,768 tokens: the cost does not
depend on what it has learned. A slice is half a window of tokens, so that every slice of the exact mode has one burst.
"""

import random
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Final

import torch

from benchmarks.report import Row, write_report
from benchmarks.rounds import Slice, Timed, interleave, timed_ms
from model.networks.perceiver import PRESETS, Perceiver
from model.networks.perceiver_stream import PerceiverStream
from model.tokens.performance import SIZE

LONGEST: Final = 32_768
CONTEXTS: Final = (1024, 8192, LONGEST)
PLAYED: Final = 30.0  # tokens in a second of played piano: the open corpus's `valid` (docs/perceivers.md)
SEED: Final = 4
QUICK_S: Final = 25.0
FULL_S: Final = 120.0

Key = tuple[int, str]  # context, mode


def bench_performing(*, quick: bool, json_file: Path | None) -> int:
    """Measure, print, write. Returns the exit code."""
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    network = Perceiver(replace(PRESETS["perceivers-small"], context=LONGEST)).eval()
    streams = {
        (context, mode): PerceiverStream(network, is_rolling=mode == "rolling")
        for context, mode in product(CONTEXTS, ("exact", "rolling"))
    }
    slices: dict[Key, Slice] = {key: partial(_slice, stream, key[0]) for key, stream in streams.items()}
    timed = interleave(slices, QUICK_S if quick else FULL_S)
    rows = [_row(key, each, streams[key].size_bytes) for key, each in timed.items()]
    ratios = {f"{mode}_times_played_{context}": _times_played(each) for (context, mode), each in timed.items()}
    write_report("performing", rows, ratios, json_file, [f"A second of played piano is {PLAYED:.0f} tokens."])
    return 0


def _slice(stream: PerceiverStream, context: int) -> list[float]:
    """Half a window of tokens behind `context` others."""
    rng = random.Random(SEED)
    stream.keep(context)
    stream.append([rng.randrange(SIZE) for _ in range(max(1, context - len(stream)))])
    return [timed_ms(partial(stream.append, [rng.randrange(SIZE)])) for _ in range(stream.window // 2)]


def _row(key: Key, timed: Timed, size_bytes: int) -> Row:
    return {
        "context": key[0],
        "mode": key[1],
        **timed.columns(),
        "ms_max": round(timed.quantile(1.0), 4),
        "times_played": _times_played(timed),
        "mb": round(size_bytes / 2**20, 1),
    }


def _times_played(timed: Timed) -> float:
    """On average, bursts and all."""
    mean = sum(map(sum, timed.rounds)) / sum(map(len, timed.rounds))
    return round(1000 / mean / PLAYED, 2)
