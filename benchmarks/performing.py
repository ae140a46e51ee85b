"""`tradefours bench performing`: PerceiverS making music token by token, at ever longer contexts, in each way there is.

One thread, random weights of `perceivers-small` with a context of 32,768 tokens: the cost does not depend on what it
has learned. *native* is the engine that plays, draws included; *exact* and *rolling* are torch in float32. A slice is
half a window of tokens, so that every slice of native and exact has one burst.
"""

import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import torch

from benchmarks.report import Row, write_report
from benchmarks.rounds import Slice, Timed, interleave, timed_ms
from model.engine.native.engine import NativeEngine
from model.engine.work import Draw, Step
from model.networks.perceiver import PRESETS, Perceiver
from model.networks.perceiver_stream import PerceiverStream
from model.tokens.performance import SIZE

LONGEST: Final = 32_768
CONTEXTS: Final = (1024, 8192, LONGEST)
PLAYED: Final = 30.0  # tokens in a second of played piano: the open corpus's `valid` (docs/perceivers.md)
SEED: Final = 4
QUICK_S: Final = 25.0
FULL_S: Final = 120.0

Key = tuple[int, str]  # context, way


def bench_performing(*, quick: bool, json_file: Path | None) -> int:
    """Measure, print, write. Returns the exit code."""
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    network = Perceiver(replace(PRESETS["perceivers-small"], context=LONGEST)).eval()
    engine = NativeEngine(network, max_sequences=len(CONTEXTS))
    slices, sizes = dict[Key, Slice](), dict[str, int]()
    for context in CONTEXTS:
        slices[context, "native"] = _native(engine, context, network.config.latents)
        for way in ("exact", "rolling"):
            stream = PerceiverStream(network, is_rolling=way == "rolling")
            slices[context, way] = partial(_stream_slice, stream, context)
            sizes[way] = stream.size_bytes
    sizes["native"] = engine.kv_bytes // len(CONTEXTS)
    timed = interleave(slices, QUICK_S if quick else FULL_S)
    rows = [_row(key, each, sizes[key[1]]) for key, each in timed.items()]
    ratios = {f"{way}_times_played_{context}": _times_played(each) for (context, way), each in timed.items()}
    notes = [f"A second of played piano is {PLAYED:.0f} tokens.", f"native: {engine.backend}, cache bf16"]
    write_report("performing", rows, ratios, json_file, notes)
    return 0


def _native(engine: NativeEngine, context: int, window: int) -> Slice:
    sequence, everything = engine.open(SEED), Draw(allowed=((0, SIZE),))

    def step(token: int) -> Callable[[], object]:
        return lambda: engine.run([(sequence, Step(keep=sequence.length, append=(token,), draw=everything))])

    def timed() -> list[float]:
        rng = random.Random(SEED)
        keep = min(context, sequence.length)
        prompt = tuple(rng.randrange(SIZE) for _ in range(context - keep))
        engine.run([(sequence, Step(keep=keep, append=prompt))])
        step(rng.randrange(SIZE))()  # the window of the prompt
        return [timed_ms(step(rng.randrange(SIZE))) for _ in range(window // 2)]

    return timed


def _stream_slice(stream: PerceiverStream, context: int) -> list[float]:
    """Half a window of tokens behind `context` others."""
    rng = random.Random(SEED)
    stream.keep(context)
    stream.append([rng.randrange(SIZE) for _ in range(max(1, context - len(stream)))])
    return [timed_ms(partial(stream.append, [rng.randrange(SIZE)])) for _ in range(stream.window // 2)]


def _row(key: Key, timed: Timed, size_bytes: int) -> Row:
    return {
        "context": key[0],
        "way": key[1],
        **timed.columns(),
        "ms_max": round(timed.quantile(1.0), 4),
        "times_played": _times_played(timed),
        "mb": round(size_bytes / 2**20, 1),
    }


def _times_played(timed: Timed) -> float:
    """On average, bursts and all."""
    mean = sum(map(sum, timed.rounds)) / sum(map(len, timed.rounds))
    return round(1000 / mean / PLAYED, 2)
