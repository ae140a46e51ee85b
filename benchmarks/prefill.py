"""`tradefours bench prefill`: appending many known tokens at once, as after each human note.

One thread; each append ends with the draw of the next token.
`ms_p50` is the median of the rounds' medians, `ms_p10` and `ms_p90` are of all appends.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import torch

from benchmarks.engines import Backend, Runner, music, network, our_backends, shape
from benchmarks.peers.present import stepping_peers
from benchmarks.report import Row, write_report
from benchmarks.rounds import Slice, Timed, interleave, repeated
from model.networks.config import Sharing

APPENDED: Final = (1, 8, 32, 128, 512)
CONTEXTS: Final = (0, 512)
QUICK_APPENDED: Final = APPENDED[:-1]
QUICK_S: Final = 10.0  # of rounds, at each context
FULL_S: Final = 90.0

Key = tuple[str, str, int]  # engine, sharing, tokens appended
Extend = Callable[[int, Sequence[int]], object]  # tokens kept, tokens to append


def bench_prefill(*, quick: bool, json_file: Path | None) -> int:
    """Measure, print, write. Returns the exit code."""
    torch.set_num_threads(1)
    backends = our_backends()
    rows: list[Row] = []
    ratios: dict[str, float] = {}
    notes: list[str] = []
    for size in ("small",) if quick else ("small", "medium"):
        field, words = _field(size, backends)
        notes += [word for word in words if word not in notes]
        for context in CONTEXTS:
            slices = dict(_slices(field, context, QUICK_APPENDED if quick else APPENDED))
            timed = interleave(slices, QUICK_S if quick else FULL_S)
            rows += [_row(size, context, key, each) for key, each in timed.items()]
            if size == "small" and context == CONTEXTS[-1]:
                ratios["append8_ms"] = timed[backends[0].name, "routed", 8].median
    write_report("prefill", rows, ratios, json_file, notes)
    return 0


def _field(size: str, backends: Sequence[Backend]) -> tuple[dict[tuple[str, str], Extend], list[str]]:
    """All contestants of one size: the shipped way of sharing, and the peers' own."""
    capacity = CONTEXTS[-1] + APPENDED[-1]
    networks = {sharing: network(shape(size, sharing, capacity)).eval() for sharing in (Sharing.ROUTED, Sharing.MHA)}

    def ours(backend: Backend, sharing: Sharing) -> Extend:
        return Runner(backend, networks[sharing]).extend

    field = {(each.name, sharing.value): ours(each, sharing) for each in backends for sharing in networks}
    peers, words = stepping_peers(networks[Sharing.MHA])
    return field | {(peer.name, "mha"): peer.extend for peer in peers}, words


def _slices(field: dict[tuple[str, str], Extend], context: int, appended: Sequence[int]) -> Iterator[tuple[Key, Slice]]:
    tokens = music(CONTEXTS[-1] + APPENDED[-1])
    for (engine, sharing), extend in field.items():
        if context:
            extend(0, tokens[:context])
        for count in appended:
            yield (engine, sharing, count), repeated(partial(extend, context, tokens[context : context + count]))


def _row(size: str, context: int, key: Key, timed: Timed) -> Row:
    engine, sharing, count = key
    return {
        "size": size,
        "context": context,
        "appended": count,
        "engine": engine,
        "sharing": sharing,
        **timed.columns(),
        "ms_per_token": round(timed.median / count, 4),
    }
