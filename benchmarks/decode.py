"""`tradefours bench decode`: one token after another for one player, beside other engines and the memory's own limit.

All run the same shape, with one thread where no other number is said, and take the likeliest token of the whole
vocabulary; the peers and our `mha` have the same weights. What the columns mean:

- `ms_p50`: the median of the rounds' medians; `ms_p10` and `ms_p90` are of all tokens.
- `ours_is`: how many times as fast our first engine with `mha` is, in the median round.
- `mb`: what a token has to read, weights and cache; `gb_per_s`: at what rate it did. The rows "reading" only read so
  much, again and again: no engine can be faster. The others of them show how the rate falls as caches overflow.
  On a GPU there are neither such rows nor peers, which are the processor's: times, and partitioned beside the others.
- `logit_error`: of the peer's logits against PyTorch's in float32, root mean square, as a share of their spread.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import torch

from benchmarks.engines import (
    CUDA,
    TWO_THREADS,
    Backend,
    On,
    Runner,
    bytes_per_token,
    gpu_notes,
    music,
    network,
    our_backends,
    shape,
)
from benchmarks.memory import read, readable
from benchmarks.peers.present import HUGGING_FACE, Peer, make_peer, stepping_peers
from benchmarks.report import Row, write_report
from benchmarks.rounds import Slice, Timed, interleave, repeated, timed_ms
from model.networks.config import Sharing
from model.networks.decoder import Decoder

CONTEXTS: Final = (512, 2048)
TOKENS: Final = 16  # in a slice, after two that do not count: they find another's data in the caches
UNCOUNTED: Final = 2
QUICK_S: Final = 7.0  # of rounds, at each context
FULL_S: Final = 60.0
CHECKED: Final = 64  # tokens after which logits are compared
BANDWIDTH_MB: Final = (4, 8, 16, 32, 64)

Key = tuple[str, str]  # engine, sharing


def bench_decode(*, quick: bool, json_file: Path | None, on: On = On.PROCESSOR) -> int:
    """Measure, print, write. Returns the exit code."""
    torch.set_num_threads(1)
    rows: list[Row] = []
    ratios: dict[str, float] = {}
    notes: list[str] = []
    backends = our_backends(on, all_formats=not quick, paired=True)
    for size in ("small",) if quick and backends[0] is not CUDA else ("small", "medium"):
        field = Field(size, backends, with_hf_at=CONTEXTS[:1] if quick else CONTEXTS)
        notes += [note for note in field.notes if note not in notes]
        for context in CONTEXTS:
            timed = interleave(dict(field.slices(context)), QUICK_S if quick else FULL_S)
            rows += field.rows(context, timed)
            if size == "small":
                ratios |= field.ratios(context, timed)
    write_report("decode", rows, ratios, json_file, notes)
    return 0


class Field:
    """All contestants of one size."""

    def __init__(self, size: str, backends: Sequence[Backend], with_hf_at: Sequence[int]) -> None:
        self._size = size
        self._with_hf_at = with_hf_at
        self._tokens = music(CONTEXTS[-1] + TOKENS + UNCOUNTED)
        self._backends = backends
        self._first = backends[0]
        self._is_on_gpu = self._first is CUDA
        mha = self._network(Sharing.MHA)
        self._ours: dict[Key, Runner] = {(each.name, "mha"): Runner(each, mha) for each in backends}
        others = (Sharing.ROUTED, Sharing.PARTITIONED) if self._is_on_gpu else (Sharing.ROUTED,)
        fastest = [each for each in backends if each in (self._first, TWO_THREADS)]
        for each in others:
            self._ours |= {(backend.name, each.value): Runner(backend, self._network(each)) for backend in fastest}
        self._peers, self.notes = list[Peer](), gpu_notes(self._first)
        self._hf: Any = None
        if not self._is_on_gpu:
            self._peers, self.notes = stepping_peers(mha)
            self._hf, word = make_peer(HUGGING_FACE, mha)
            self.notes += [word] if word else []
        named: list[Any] = [*self._peers, *([self._hf] if self._hf else [])]
        self._errors = {each.name: self._logit_error(mha, each) for each in named}

    def slices(self, context: int) -> Iterator[tuple[Key, Slice]]:
        """The floor, ours, the peers: all at this context."""
        floors = () if self._is_on_gpu else (*BANDWIDTH_MB, self._floor_bytes(context) / 1e6)
        for size in floors:
            yield _reading(size), repeated(partial(read, readable(size * 1e6)))
        for key, runner in self._ours.items():
            runner.fill(self._tokens[:context])
            yield key, self._steps(context, runner.extend)
        for peer in self._peers:
            peer.extend(0, self._tokens[:context])
            yield (peer.name, "mha"), self._steps(context, peer.extend)
        if self._hf and context in self._with_hf_at:
            prompt = self._tokens[:context]
            yield (self._hf.name, "mha"), lambda: self._hf.decode(prompt, TOKENS + UNCOUNTED)[UNCOUNTED:]

    def rows(self, context: int, timed: dict[Key, Timed]) -> list[Row]:
        return [self._row(context, key, each, timed[self._first.name, "mha"]) for key, each in timed.items()]

    def ratios(self, context: int, timed: dict[Key, Timed]) -> dict[str, float]:
        ours = timed[self._first.name, "mha"]
        found = {}
        for sharing in ("mha", "routed") if (TWO_THREADS.name, "mha") in timed else ():
            one, two = timed[self._first.name, sharing], timed[TWO_THREADS.name, sharing]
            found[f"two_threads_{sharing}_{context}"] = two.times_as_fast_as(one)
        if self._hf and context == CONTEXTS[0]:
            found[f"vs_hf_{context}"] = ours.times_as_fast_as(timed[self._hf.name, "mha"])
        if self._peers:
            others = [timed[peer.name, "mha"] for peer in self._peers]
            found[f"vs_best_peer_{context}"] = min(map(ours.times_as_fast_as, others))
        if self._is_on_gpu:
            return {}
        floor = timed[_reading(self._floor_bytes(context) / 1e6)]
        return {**found, f"of_floor_{context}": 1 / floor.times_as_fast_as(ours)}

    def _row(self, context: int, key: Key, timed: Timed, ours: Timed) -> Row:
        engine, sharing = key
        mb = self._megabytes(context, key)
        return {
            "size": self._size,
            "context": context,
            "engine": engine,
            "sharing": sharing,
            **timed.columns(),
            "tokens_per_s": None if sharing == "-" else round(1000 / timed.median),
            "ours_is": None if sharing == "-" else round(ours.times_as_fast_as(timed), 3),
            "mb": None if mb is None else round(mb, 2),
            "gb_per_s": None if mb is None else round(mb / timed.median, 2),
            "logit_error": self._errors.get(engine),
        }

    def _megabytes(self, context: int, key: Key) -> float | None:
        engine, sharing = key
        if sharing == "-":
            return float(engine.split()[1])
        for backend in self._backends:
            if backend.name == engine and sharing != Sharing.PARTITIONED:  # whose groups read a part each
                config = shape(self._size, Sharing(sharing), self._capacity)
                return bytes_per_token(config, backend, context) / 1e6
        return None

    def _steps(self, context: int, extend: Callable[[int, Sequence[int]], object]) -> Slice:
        """One token after another, always from the same context."""

        def run() -> list[float]:
            places = range(context, context + TOKENS + UNCOUNTED)
            return [timed_ms(partial(extend, at, self._tokens[at : at + 1])) for at in places][UNCOUNTED:]

        return run

    @property
    def _capacity(self) -> int:
        return len(self._tokens)

    def _network(self, sharing: Sharing) -> Decoder:
        return network(shape(self._size, sharing, self._capacity)).eval()

    def _floor_bytes(self, context: int) -> float:
        return bytes_per_token(shape(self._size, Sharing.MHA, self._capacity), self._first, context)

    @torch.inference_mode()
    def _logit_error(self, mha: Decoder, peer: Peer) -> float:
        tokens = self._tokens[:CHECKED]
        expected = mha(torch.tensor([tokens]))[0, -1]
        difference = torch.from_numpy(peer.logits(tokens)) - expected
        return round(float(difference.square().mean().sqrt() / expected.std()), 7)


def _reading(megabytes: float) -> Key:
    return f"reading {megabytes:.4g} MB", "-"
