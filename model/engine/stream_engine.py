"""The engine of PerceiverS in eager PyTorch, for reference: a stream for each sequence, one after the other.

Knows of tokens only their ids.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch

from model.engine.chains import run_chains
from model.engine.dice import uniform
from model.engine.processors import pick
from model.engine.roster import ListedMember, Roster
from model.engine.work import Cached, Drawn, Step
from model.networks.perceiver import Perceiver
from model.networks.perceiver_stream import PerceiverStream

LONGEST: Final = 2**20  # tokens of a sequence: memory does not grow with it, and ten hours of music are enough


@dataclass(slots=True, eq=False)
class StreamSequence(ListedMember):
    stream: PerceiverStream | None

    def _free(self) -> None:
        self.tokens.clear()
        self.stream = None


class StreamEngine:
    """Implements Engine. `threads` of PyTorch are set for the thread that calls `run`."""

    def __init__(self, network: Perceiver, *, threads: int = 1, max_sequences: int = 8) -> None:
        self._network, self._threads = network.eval(), threads
        self._sequence_bytes = PerceiverStream(network).size_bytes
        config = network.config
        held = min(LONGEST, config.context + config.latents)
        self._roster = Roster[StreamSequence](max_sequences, capacity=LONGEST, vocabulary=config.vocabulary, held=held)

    @property
    def backend(self) -> str:
        """For people to read."""
        return f"torch, {self._threads} thread(s)"

    @property
    def capacity(self) -> int:
        return LONGEST

    @property
    def kv_bytes(self) -> int:
        """What the caches of all open sequences take."""
        return len(self._roster.members) * self._sequence_bytes

    def cached(self) -> Cached:
        return self._roster.cached(self._sequence_bytes)

    def open(self, seed: int) -> StreamSequence:
        self._roster.make_room()
        return self._roster.admit(StreamSequence(seed, self._roster, [], PerceiverStream(self._network)))

    def fork(self, sequence: StreamSequence, seed: int) -> StreamSequence:
        """A copy that goes its own way, with dice of its own."""
        self._roster.check_open(sequence)
        self._roster.make_room()
        assert sequence.stream is not None
        copy = StreamSequence(seed, self._roster, list(sequence.tokens), sequence.stream.fork())
        return self._roster.admit(copy)

    def run(self, work: Sequence[tuple[StreamSequence, Step]]) -> list[Drawn]:
        """All of the work, or where any of it is bad, BadStep and none of it."""
        self._roster.check_work(work)
        if torch.get_num_threads() != self._threads:
            torch.set_num_threads(self._threads)
        return run_chains(lambda some: [self._step(*one) for one in some], work)

    @torch.inference_mode()
    def _step(self, sequence: StreamSequence, step: Step) -> int | None:
        stream = sequence.stream
        assert stream is not None
        keep, append = sequence.write(step)
        stream.keep(keep)
        if step.draw is None:
            stream.read(append)
            return None
        start, stop = step.draw.allowed[0][0], step.draw.allowed[-1][1]
        logits = stream.append(append)[start:stop]
        return pick(logits, start, step.draw, uniform(sequence.seed, sequence.length, step.draw.throw))
