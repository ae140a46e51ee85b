"""The CUDA engine: the same promises as the torch engine, with a pool of caches and a graph for each size of pass.

One thread calls it at a time. Knows of tokens only their ids. On device "cpu" the same runs without graphs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from subprocess import CalledProcessError
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.engine.chains import run_chains
from model.engine.checks import checked_token
from model.engine.cuda.decoder import Mixer, PooledDecoder
from model.engine.cuda.passes import SIZES, Passes
from model.engine.cuda.plain import PlainMixer
from model.engine.cuda.pool import Pool
from model.engine.cuda.told import FIRST, Mailbox, Wish
from model.engine.dice import uniform
from model.engine.roster import ListedMember, Roster
from model.engine.work import Cached, Draw, Drawn, Sampling, Step
from model.networks.config import NetworkConfig
from model.networks.decoder import Decoder
from music.errors import TradefoursError

NAMES: Final = {torch.float32: "f32", torch.bfloat16: "bf16"}


class CudaUnavailable(TradefoursError):
    """There is no GPU here that can be used for so many sequences."""


@dataclass(slots=True, eq=False)
class CudaSequence(ListedMember):
    slot: int
    slots: list[int] = field(repr=False)  # those of its engine that nobody has

    def _free(self) -> None:
        self.slots.append(self.slot)
        self.tokens.clear()


class CudaEngine:
    """Implements Engine. Memory for `max_sequences` is taken at once; weights and caches are `dtype`."""

    def __init__(
        self,
        network: Decoder,
        *,
        dtype: torch.dtype = torch.bfloat16,
        max_sequences: int = 8,
        device: str = "cuda",
    ) -> None:
        where = torch.device(device)
        if where.type == "cuda" and not (torch.cuda.is_available() and find_spec("triton")):
            raise CudaUnavailable("expected an NVIDIA GPU, and PyTorch and triton for it, got none")
        self._config = network.config
        self._max_sequences = max_sequences
        self._roster = Roster[CudaSequence](max_sequences, capacity=self.capacity, vocabulary=self._config.vocabulary)
        self._free = list(reversed(range(max_sequences)))
        try:
            with torch.inference_mode():
                self._pool = Pool(network.config, max_sequences, dtype, where)
                self._passes = self._prepare(network)
        except (RuntimeError, CalledProcessError) as error:  # no memory left, no C compiler for triton's launcher
            reason = str(error).partition("\n")[0]
            raise CudaUnavailable(f"expected a GPU ready for {max_sequences} sequences, got: {reason}") from error
        name = torch.cuda.get_device_name(where) if where.type == "cuda" else "processor"
        self.backend = f"cuda {NAMES[dtype]} ({name})"  # for people to read

    @property
    def capacity(self) -> int:
        return self._config.context

    @property
    def kv_bytes(self) -> int:
        """What the caches of all open sequences take, of what is reserved for `max_sequences`."""
        return len(self._roster.members) * self._pool.slot_bytes

    def cached(self) -> Cached:
        return self._roster.cached(self._pool.slot_bytes)

    def open(self, seed: int) -> CudaSequence:
        self._roster.make_room()
        return self._admit(seed, [])

    @torch.inference_mode()
    def fork(self, sequence: CudaSequence, seed: int) -> CudaSequence:
        """A copy that goes its own way, with dice of its own."""
        self._roster.check_open(sequence)
        self._roster.make_room()
        copy = self._admit(seed, list(sequence.tokens))
        self._pool.copy(sequence.slot, copy.slot, sequence.length)
        return copy

    def run(self, work: Sequence[tuple[CudaSequence, Step]]) -> list[Drawn]:
        """All of the work, or where any of it is bad, BadStep and none of it."""
        self._roster.check_work(work)
        return run_chains(self._draw, work)

    def _draw(self, work: Sequence[tuple[CudaSequence, Step]]) -> list[int | None]:
        tokens = iter(self._run(work)[0])
        return [None if step.draw is None else checked_token(next(tokens)) for _, step in work]

    def logits(self, sequence: CudaSequence, append: Sequence[int]) -> Tensor:
        """Append at least one token, and see what the network thinks comes next: (vocabulary,), in float32."""
        everything = Draw(allowed=((0, self._config.vocabulary),), sampling=Sampling(temperature=0))
        step = Step(keep=sequence.length, append=tuple(append), draw=everything)
        self._roster.check_work([(sequence, step)])
        _, logits = self._run([(sequence, step)])
        return logits[0].clone()

    @torch.inference_mode()
    def _run(self, work: Sequence[tuple[CudaSequence, Step]]) -> tuple[list[int], Tensor]:
        """What was drawn, in order; the logits of the last pass's draws, which lie there until the next pass."""
        rows, wishes = _written(work)
        tokens, logits = list[int](), torch.empty(0)
        for at in range(0, rows.shape[1], SIZES[-1]):
            part = rows[:, at : at + SIZES[-1]].copy()
            part[FIRST] = np.maximum(part[FIRST] - at, 0)
            due = [Wish(w.row - at, w.draw, w.uniform) for w in wishes if 0 <= w.row - at < SIZES[-1]]
            drawn, logits = self._passes.run(part, due)
            tokens += drawn
        return tokens, logits

    def _prepare(self, network: Decoder) -> Passes:
        config, where = network.config, self._pool.memory.device
        mix = _mixer(config, self._pool)
        draws = (min(size, self._max_sequences) for size in SIZES)
        nowhere = self._max_sequences  # the slot behind the last has one line, for padding
        mailboxes = [
            Mailbox(size, most, config.vocabulary, nowhere, where) for size, most in zip(SIZES, draws, strict=True)
        ]
        return Passes(PooledDecoder(network, self._pool, mix), mailboxes, has_graphs=where.type == "cuda")

    def _admit(self, seed: int, tokens: list[int]) -> CudaSequence:
        return self._roster.admit(CudaSequence(seed, self._roster, tokens, self._free.pop(), self._free))


def _mixer(config: NetworkConfig, pool: Pool) -> Mixer:
    if pool.memory.is_cuda:
        from model.engine.cuda.kernels import TritonMixer  # only where there is a GPU

        return TritonMixer(config, pool)
    return PlainMixer(config, pool)


def _written(work: Sequence[tuple[CudaSequence, Step]]) -> tuple[NDArray[np.int32], list[Wish]]:
    """Writes the steps' tokens down: a row for each, a wish for each draw, in order."""
    tokens, slots, positions, firsts = list[int](), list[int](), list[int](), list[int]()
    wishes = []
    for sequence, step in work:
        keep, append = sequence.write(step)
        firsts += [len(tokens)] * len(append)
        tokens += append
        slots += [sequence.slot] * len(append)
        positions += range(keep, keep + len(append))
        if step.draw is not None:
            wishes.append(Wish(len(tokens) - 1, step.draw, uniform(sequence.seed, sequence.length, step.draw.throw)))
    return np.array([tokens, slots, positions, firsts], np.int32), wishes
