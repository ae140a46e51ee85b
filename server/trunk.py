"""A prompt that several pieces begin with is read once, and each of them goes on from a copy.

Engine thread only. Knows no queue.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from model.engine.work import Drawn, Engine, EngineFull, EngineSequence, Step
from server.composing import AnyOrder


class Trunk:
    """What the first piece of `order` reads into `reader`: `tokens`, kept for those that follow it."""

    def __init__(self, order: AnyOrder, reader: EngineSequence, tokens: tuple[int, ...]) -> None:
        self.order = order
        self.reader = reader
        self.is_read = False
        self._tokens = tokens
        self._copy: EngineSequence | None = None

    def grow(self, engine: Engine[Any]) -> None:
        """All is read. Where the engine has no room for a copy everybody reads it anew."""
        self.is_read = True
        with suppress(EngineFull):
            self._copy = engine.fork(self.reader, 0)

    def branches(self, engine: Engine[Any]) -> "Branching":
        """An engine for one more piece."""
        return Branching(engine, self._copy)

    def left_of(self, step: Step) -> Step:
        """Of a piece's first step, what it does not share. A draw needs one token that is read for it."""
        if self._copy is None or step.keep:
            return step
        shared = _common(step.append[:-1], self._tokens)
        return replace(step, keep=shared, append=step.append[shared:])

    def close(self) -> None:
        if self._copy is not None:
            self._copy.close()


class Branching:
    """Implements Engine: the first sequence that is opened is a copy of `trunk`, where there is one."""

    def __init__(self, engine: Engine[Any], trunk: EngineSequence | None) -> None:
        self._engine = engine
        self._trunk = trunk

    @property
    def capacity(self) -> int:
        return self._engine.capacity

    def open(self, seed: int) -> Any:
        trunk, self._trunk = self._trunk, None
        return self._engine.open(seed) if trunk is None else self._engine.fork(trunk, seed)

    def fork(self, sequence: Any, seed: int) -> Any:
        return self._engine.fork(sequence, seed)

    def run(self, work: Sequence[tuple[Any, Step]]) -> list[Drawn]:
        return self._engine.run(work)


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens both begin with."""
    for i, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return i
    return min(len(one), len(other))
