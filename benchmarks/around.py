"""An engine around another: what a measurement adds is in its `run`. Knows no measurement."""

from collections.abc import Sequence
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
