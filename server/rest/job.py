"""A generation that has not ended, and what is told of any. Knows no disk and no engine."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

from server.batch import Piece
from server.rest.store import Row
from streaming.generations import Generation, GenerationRequest, GenerationStatus


@dataclass(eq=False, slots=True)
class Job:
    """A generation that has not ended."""

    row: Row
    request: GenerationRequest
    done: set[int]
    status: GenerationStatus = "queued"
    reason: str | None = None
    caller: str = ""  # of those that an earlier server has left nobody knows
    pieces: dict[int, Piece] = field(default_factory=dict)  # at the engine
    changed: asyncio.Event = field(default_factory=asyncio.Event)  # another one after every change
    began_ns: int = field(default_factory=time.monotonic_ns)  # in this server

    def tell(self) -> None:
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()

    def seen(self, position: int | None) -> Generation:
        written = len(self.done) * self.row.bars + sum(piece.written for piece in self.pieces.values())
        waits = position if self.status == "queued" else None
        share = written / (self.row.bars * self.row.variations)
        return generation_of(self.row, self.request, self.status, self.done, min(1.0, share), waits, self.reason)

    def give_up(self) -> None:
        for piece in self.pieces.values():
            piece.is_wanted = False


def generation_of(
    row: Row,
    request: GenerationRequest,
    status: Any,
    done: Any,
    progress: float,
    position: int | None,
    reason: str | None,
) -> Generation:
    return Generation(
        id=row.id,
        status=status,
        mode=request.mode,
        model=row.model,
        weights=row.weights,
        seed=request.seed,
        variations=row.variations,
        done=tuple(sorted(done)),
        progress=progress,
        queue_position=position,
        reason=reason,
    )
