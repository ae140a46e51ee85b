"""An engine around another: what a measurement adds is in its `run`."""

from collections.abc import Sequence
from time import perf_counter_ns
from typing import Any

from model.engine.work import Drawn, Engine, Step


class Around:
    """Implements Engine."""

    def __init__(self, engine: Engine[Any]) -> None:
        self._engine = engine

    @property
    def capacity(self) -> int:
        return self._engine.capacity

    def open(self, seed: int) -> Any:
        return self._engine.open(seed)

    def fork(self, sequence: Any, seed: int) -> Any:
        return self._engine.fork(sequence, seed)

    def run(self, work: Sequence[tuple[Any, Step]]) -> list[Drawn]:
        return self._engine.run(work)


class Timed(Around):
    """Remembers how long each call took."""

    def __init__(self, engine: Engine[Any]) -> None:
        super().__init__(engine)
        self.took: list[int] = []  # nanoseconds

    def run(self, work: Sequence[tuple[Any, Step]]) -> list[Drawn]:
        began = perf_counter_ns()
        drawn = super().run(work)
        self.took.append(perf_counter_ns() - began)
        return drawn
