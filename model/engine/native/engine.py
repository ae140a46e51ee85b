"""The native engine: the same promises as the torch engine, kept by the compiled library.

One thread calls it at a time; a second one of its own may help. Knows of tokens only their ids.
"""

import ctypes
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from model.checkpoint import AnyNetwork
from model.engine.checks import checked_token
from model.engine.dice import uniform
from model.engine.native.decoder import Format, pack_decoder
from model.engine.native.draws import ToldDraws, int32s
from model.engine.native.library import CWork, library
from model.engine.native.perceiver import pack_perceiver
from model.engine.roster import ListedMember, Roster
from model.engine.work import Cached, Draw, Drawn, EngineFull, Sampling, Step
from model.networks.perceiver import Perceiver


@dataclass(slots=True, eq=False)
class NativeSequence(ListedMember):
    handle: int  # of the library's keys and values
    free: Callable[[], object] = field(init=False, repr=False)  # at once, or when the sequence is forgotten

    def __post_init__(self) -> None:
        self.free = weakref.finalize(self, library().tradefours_free_sequence, self.handle)

    def _free(self) -> None:
        self.tokens.clear()
        self.free()


class NativeEngine:
    """Implements Engine. `path` names the kernels; None takes the fastest that this processor runs.

    At most two `threads` compute, the second only while a core has nothing else to do.
    """

    def __init__(
        self,
        network: AnyNetwork,
        *,
        weights: Format = Format.INT8,
        cache: Format = Format.INT8,
        max_sequences: int = 8,
        threads: int = 1,
        path: str | None = None,
    ) -> None:
        self._packed = packed = (
            pack_perceiver(network, weights=weights, cache=cache, path=path)
            if isinstance(network, Perceiver)
            else pack_decoder(network, weights=weights, cache=cache, path=path)
        )
        self.threads = threads
        self._draws = ToldDraws()
        self._sequence_bytes = self._bytes_of_one()
        self._roster = Roster[NativeSequence](
            max_sequences, capacity=packed.capacity, vocabulary=packed.vocabulary, held=packed.held
        )

    @property
    def backend(self) -> str:
        """For people to read."""
        threads = ", 2 threads" if self._threads == 2 else ""
        return f"native {self._packed.weights.name.lower()} ({self._packed.path}{threads})"

    @property
    def threads(self) -> int:
        """1 or 2. May be set between two runs."""
        return self._threads

    @threads.setter
    def threads(self, threads: int) -> None:
        self._threads = 2 if library().tradefours_pair(self._packed.handle, threads > 1) else 1

    @property
    def capacity(self) -> int:
        return self._packed.capacity

    @property
    def weight_bytes(self) -> int:
        return self._packed.weight_bytes

    @property
    def kv_bytes(self) -> int:
        """What the caches of all open sequences may take; the system lends it page by page."""
        return sum(int(library().tradefours_sequence_bytes(sequence.handle)) for sequence in self._roster.members)

    def cached(self) -> Cached:
        return self._roster.cached(self._sequence_bytes)

    def open(self, seed: int) -> NativeSequence:
        self._roster.make_room()
        return self._admit(seed, library().tradefours_sequence(self._packed.handle), [])

    def fork(self, sequence: NativeSequence, seed: int) -> NativeSequence:
        """A copy that goes its own way, with dice of its own."""
        self._roster.check_open(sequence)
        self._roster.make_room()
        copy = library().tradefours_fork(self._packed.handle, sequence.handle)
        return self._admit(seed, copy, list(sequence.tokens))

    def run(self, work: Sequence[tuple[NativeSequence, Step]]) -> list[Drawn]:
        """All of the work, or where any of it is bad, BadStep and none of it."""
        self._roster.check_work(work)
        self._draws.forget()
        told = (CWork * len(work))(*(_told(sequence, step, self._draws) for sequence, step in work))
        library().tradefours_run(self._packed.handle, told, len(work))
        drawn = [tuple(map(checked_token, one.tokens[: one.drawn])) if one.drawn else () for one in told]
        for (sequence, _), tokens in zip(work, drawn, strict=True):
            sequence.tokens.extend(tokens[:-1])
        return drawn

    def logits(self, sequence: NativeSequence, append: Sequence[int]) -> Tensor:
        """Append at least one token, and see what the network thinks comes next: (vocabulary,), in float32."""
        everything = Draw(allowed=((0, self._packed.vocabulary),), sampling=Sampling(temperature=0))
        step = Step(keep=sequence.length, append=tuple(append), draw=everything)
        self._roster.check_work([(sequence, step)])
        self._draws.forget()
        logits = torch.empty(self._packed.vocabulary)
        told = _told(sequence, step, self._draws)
        told.logits = logits.data_ptr()
        library().tradefours_run(self._packed.handle, ctypes.byref(told), 1)
        return logits

    def _bytes_of_one(self) -> int:
        handle = library().tradefours_sequence(self._packed.handle)
        if not handle:
            raise EngineFull("expected memory for a sequence, got none")
        try:
            return int(library().tradefours_sequence_bytes(handle))
        finally:
            library().tradefours_free_sequence(handle)

    def _admit(self, seed: int, handle: Any, tokens: list[int]) -> NativeSequence:
        if not handle:
            raise EngineFull("expected memory for another sequence, got none")
        return self._roster.admit(NativeSequence(seed, self._roster, tokens, handle))


def _told(sequence: NativeSequence, step: Step, draws: ToldDraws) -> CWork:
    """Writes the step's tokens down, and says in C what is to be done."""
    keep, append = sequence.write(step)
    told = CWork(sequence=sequence.handle, append=int32s(append), append_count=len(append), keep=keep)
    if step.draw is not None:
        most = step.draw.longest
        dice = [uniform(sequence.seed, sequence.length + i, step.draw.throw) for i in range(most)]
        told.uniforms = (ctypes.c_double * most)(*dice)
        told.tokens = (ctypes.c_int32 * most)()
        told.draw = ctypes.pointer(draws.told(step.draw))
    return told
