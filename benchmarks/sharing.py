"""`tradefours bench sharing`: the six ways of sharing keys and values against each other, in our fastest engine.

One thread; steps of 1 and of 8 sequences, a token each. `mha_takes` is how many times as long `mha` takes for the same
step, in the median round. `kv_bytes` is what the cache takes for each token that it could hold.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Final

import torch

from benchmarks.engines import LIKELIEST, Backend, fill, music, network, our_backends, shape
from benchmarks.report import Row, write_report
from benchmarks.rounds import SLICE_MS, Slice, Timed, interleave, timed_ms
from model.engine.work import Step
from model.networks.config import NetworkConfig, Sharing

CONTEXTS: Final = (512, 2048, 8192)
SEQUENCES: Final = (1, 8)
QUICK_LESS_FROM: Final = 8192  # with --quick, at this context: no eight sequences, and only what the ratios need
TOKENS: Final = 16  # in a slice, or as many as fill its time; the first finds another's data in the caches: no count
LEAST_TOKENS: Final = 3
QUICK_S: Final = 4.0  # of rounds, at each context
FULL_S: Final = 60.0
RATIOS: Final = (Sharing.ROUTED, Sharing.PARTITIONED, Sharing.GROUPED)

Key = tuple[Sharing, int]  # sharing, sequences


def bench_sharing(*, quick: bool, json_file: Path | None) -> int:
    """Measure, print, write. Returns the exit code."""
    torch.set_num_threads(1)
    backend = our_backends()[0]
    capacity = CONTEXTS[-1] + TOKENS + 1
    stands = [Stand(shape("small", sharing, capacity), backend) for sharing in Sharing]
    rows: list[Row] = []
    ratios: dict[str, float] = {}
    for context in CONTEXTS:
        counts: Sequence[int] = SEQUENCES
        if quick and context >= QUICK_LESS_FROM:
            counts = SEQUENCES[:1]
            stands = [stand for stand in stands if stand.sharing in (Sharing.MHA, *RATIOS)]
        with ThreadPoolExecutor(os.cpu_count()) as pool:  # nothing is timed yet, and long contexts take long
            list(pool.map(Stand.grow, stands, repeat(context), repeat(counts[-1])))
        slices = {(stand.sharing, count): stand.steps(context, count) for stand in stands for count in counts}
        timed = interleave(slices, QUICK_S if quick else FULL_S)
        rows += [_row(context, stand, count, timed) for count in counts for stand in stands]
        for sharing in RATIOS:
            ratios[f"{sharing}_vs_mha_{context}"] = timed[sharing, 1].times_as_fast_as(timed[Sharing.MHA, 1])
    write_report("sharing", rows, ratios, json_file)
    return 0


class Stand:
    """One way of sharing: an engine with as many sequences of the same tokens as the largest step needs."""

    def __init__(self, config: NetworkConfig, backend: Backend) -> None:
        self.sharing = config.sharing
        self.engine_name = backend.name
        self._tokens = music(config.context)
        self._engine = backend.make(network(config), SEQUENCES[-1])
        self._sequences = [self._engine.open(0)]
        self.kv_bytes = self._engine.kv_bytes / self._engine.capacity

    def grow(self, context: int, sequences: int) -> None:
        """One sequence reads on; the others are its copies."""
        for sequence in self._sequences[1:]:
            sequence.close()
        first = self._sequences[0]
        fill(self._engine, first, self._tokens[:context])
        self._sequences = [first, *(self._engine.fork(first, seed) for seed in range(1, sequences))]

    def steps(self, context: int, count: int) -> Slice:
        """One token after another for so many sequences, always from the same context."""

        def run() -> list[float]:
            times: list[float] = []
            for at in range(context, context + TOKENS + 1):
                step = Step(keep=at, append=(self._tokens[at],), draw=LIKELIEST)
                work = [(sequence, step) for sequence in self._sequences[:count]]
                times.append(timed_ms(partial(self._engine.run, work)))
                if len(times) > LEAST_TOKENS and sum(times) > SLICE_MS:
                    break
            return times[1:]

        return run


def _row(context: int, stand: Stand, count: int, timed: dict[Key, Timed]) -> Row:
    each = timed[stand.sharing, count]
    return {
        "context": context,
        "sequences": count,
        "sharing": stand.sharing.value,
        "engine": stand.engine_name,
        **each.columns(),
        "tokens_per_s": round(1000 * count / each.median),
        "mha_takes": round(each.times_as_fast_as(timed[Sharing.MHA, count]), 3),
        "kv_bytes": round(stand.kv_bytes),
    }
