"""The reference engine: a Decoder, a cache for each sequence, one pass over the weights for all.

Eager PyTorch on whatever device the network is. One thread calls it at a time. Knows of tokens only their ids.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from model.engine.chains import run_chains
from model.engine.dice import uniform
from model.engine.processors import pick
from model.engine.roster import Member, Roster
from model.engine.work import Cached, Draw, Drawn, Step
from model.networks.decoder import Decoder, KVCache

CHUNK = 128  # the most tokens of one sequence in a pass: bounds the memory that a long append takes


@dataclass(slots=True, eq=False)
class TorchSequence(Member):
    cache: KVCache

    @property
    def length(self) -> int:
        return self.cache.length

    def _free(self) -> None:
        self.cache = KVCache(torch.empty(0), torch.empty(0, dtype=torch.long))


class TorchEngine:
    """Implements Engine. `threads` of PyTorch are set for the thread that calls `run`; None leaves them alone."""

    def __init__(self, network: Decoder, *, threads: int | None = None, max_sequences: int = 8) -> None:
        self._network = network.eval()
        self._threads = threads
        config = network.config
        self._sequence_bytes = KVCache.empty(config, device=torch.device("meta")).size_bytes
        self._roster = Roster[TorchSequence](max_sequences, capacity=config.context, vocabulary=config.vocabulary)

    @property
    def backend(self) -> str:
        """For people to read."""
        return "torch" if self._threads is None else f"torch, {self._threads} thread(s)"

    @property
    def capacity(self) -> int:
        return self._network.config.context

    @property
    def kv_bytes(self) -> int:
        """What the caches of all open sequences take."""
        return sum(sequence.cache.size_bytes for sequence in self._roster.members)

    def cached(self) -> Cached:
        return self._roster.cached(self._sequence_bytes)

    def open(self, seed: int) -> TorchSequence:
        self._roster.make_room()
        device = self._network.embedding.weight.device
        return self._admit(seed, KVCache.empty(self._network.config, device=device))

    def fork(self, sequence: TorchSequence, seed: int) -> TorchSequence:
        """A copy that goes its own way, with dice of its own."""
        self._roster.check_open(sequence)
        self._roster.make_room()
        return self._admit(seed, sequence.cache.fork())

    def run(self, work: Sequence[tuple[TorchSequence, Step]]) -> list[Drawn]:
        """All of the work, or where any of it is bad, BadStep and none of it."""
        self._roster.check_work(work)
        if self._threads is not None and torch.get_num_threads() != self._threads:
            torch.set_num_threads(self._threads)
        return run_chains(self._run, work)

    def _run(self, work: Sequence[tuple[TorchSequence, Step]]) -> list[int | None]:
        pending = [self._rewind(sequence, step) for sequence, step in work]
        newest = self._append([sequence.cache for sequence, _ in work], pending)
        return [
            None if step.draw is None else self._draw(sequence, newest[i], step.draw)
            for i, (sequence, step) in enumerate(work)
        ]

    def _rewind(self, sequence: TorchSequence, step: Step) -> tuple[int, ...]:
        """Returns the tokens to be appended."""
        sequence.cache.length = step.keep
        if step.append or step.draw is None:
            return step.append
        # A draw straight after a rewind needs the output at the last kept token, which no cache keeps: write it again.
        sequence.cache.length = step.keep - 1
        return (int(sequence.cache.tokens[step.keep - 1]),)

    def _append(self, caches: Sequence[KVCache], pending: Sequence[tuple[int, ...]]) -> dict[int, Tensor]:
        """Chunk by chunk. Returns the output at each cache's newest token, by index, where there is one."""
        newest: dict[int, Tensor] = {}
        for at in range(0, max(map(len, pending), default=0), CHUNK):
            busy = [i for i, tokens in enumerate(pending) if at < len(tokens)]
            outputs = self._network.extend([(caches[i], pending[i][at : at + CHUNK]) for i in busy])
            newest.update(zip(busy, outputs, strict=True))
        return newest

    @torch.inference_mode()
    def _draw(self, sequence: TorchSequence, output: Tensor, draw: Draw) -> int:
        """Only the hull of the allowed ranges is computed."""
        start, stop = draw.allowed[0][0], draw.allowed[-1][1]
        logits = self._network.logits(output, start, stop).float()
        return pick(logits, start, draw, uniform(sequence.seed, sequence.length, draw.throw))

    def _admit(self, seed: int, cache: KVCache) -> TorchSequence:
        return self._roster.admit(TorchSequence(seed, self._roster, cache))
