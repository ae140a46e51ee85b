"""Pieces that are written where live sessions leave the engine time. Knows no job, no route and no clock.

Pieces are added and given up from any thread; all else happens in the engine's thread.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

from model.engine.together import Writer
from model.engine.work import BadStep, Drawn, Engine, EngineSequence, Step
from music.score import Note
from server.composing import AnyOrder
from server.trunk import Trunk

AT_ONCE: Final = 8  # pieces that share a pass
SEQUENCES: Final = AT_ONCE + 2  # of the engine, beside those of the players: a trunk, and one that forks holds two
IDLE_TOKENS: Final = 64  # in a turn, while nobody plays
SHARED_TOKENS: Final = 8  # while somebody does: a note of theirs waits for no more

log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class Piece:
    """`ended` and `progressed` are called in the engine's thread, and must not block."""

    order: AnyOrder
    seed: int
    ended: Callable[["Piece", list[Note] | Exception], None]
    progressed: Callable[[], object]
    written: int = 0  # bars, or seconds
    is_wanted: bool = True

    def went_on(self) -> None:
        if self.written < self.order.size:
            self.written += 1
            self.progressed()


@dataclass(eq=False, slots=True)
class _Writing:
    piece: Piece
    writer: Writer[Any, list[Note]]
    sequence: EngineSequence
    step: Step  # what of it is left to do

    def share(self, most: int) -> Step:
        """The next of its tokens: the draw comes after the last of them."""
        if len(self.step.append) <= most:
            return self.step
        return replace(self.step, append=self.step.append[:most], draw=None)


class Batch:
    def __init__(self) -> None:
        self._waiting: deque[Piece] = deque()  # its methods are atomic
        self._writing: deque[_Writing] = deque()
        self._drawn: deque[tuple[_Writing, Drawn]] = deque()  # whose writers are yet to be told
        self._trunk: Trunk | None = None

    # ---- any thread ---------------------------------------------------------------------------------

    def add(self, pieces: Iterable[Piece]) -> None:
        self._waiting.extend(pieces)

    @property
    def waiting(self) -> int:
        """Pieces that are not begun yet."""
        return len(self._waiting)

    # ---- engine thread ------------------------------------------------------------------------------

    @property
    def has_work(self) -> bool:
        return bool(self._waiting or self._writing)

    def turn(self, engine: Engine[Any], most_tokens: int) -> int:
        """At most so many tokens for all pieces together, and one new context. Returns how many were drawn."""
        self._forget()
        drawn = 0 if self._drawn else self._draw(engine, most_tokens)
        while self._drawn:
            writing, tokens = self._drawn.popleft()
            self._advance(writing, tokens)
            if len(writing.step.append) > SHARED_TOKENS:  # a context was begun anew, which takes as long as the turn
                break
        return drawn

    def _draw(self, engine: Engine[Any], most_tokens: int) -> int:
        self._begin_pieces(engine)
        turn = list[tuple[_Writing, Step]]()
        for _ in range(len(self._writing)):
            if most_tokens < 1:
                break
            writing = self._writing.popleft()
            step = writing.share(most_tokens)
            most_tokens -= max(1, len(step.append))
            turn.append((writing, step))
        self._writing.extend(writing for writing, _ in turn)  # who was not served is next
        drawn = self._run(engine, turn)
        for (writing, step), tokens in zip(turn, drawn, strict=True):
            if step is writing.step:
                if self._trunk and not self._trunk.is_read and writing is self._reader:
                    self._trunk.grow(engine)
                self._drawn.append((writing, tokens))
            elif writing in self._writing:
                keep = step.keep + len(step.append)
                writing.step = replace(writing.step, keep=keep, append=writing.step.append[len(step.append) :])
        return sum(map(len, drawn))

    def fail(self, error: Exception) -> None:
        """The engine is broken: none of them will be written."""
        for piece in (*(writing.piece for writing in self._writing), *self._waiting):
            piece.ended(piece, error)
        self.close()

    def close(self) -> None:
        self._waiting.clear()
        self._drawn.clear()
        with suppress(Exception):
            self._fell_trunk()
        for writing in self._writing:
            with suppress(Exception):  # a broken engine may break here, too
                writing.writer.close()
        self._writing.clear()

    def _forget(self) -> None:
        for writing in [each for each in self._writing if not each.piece.is_wanted]:
            writing.writer.close()
            self._writing.remove(writing)

    def _begin_pieces(self, engine: Engine[Any]) -> None:
        if self._trunk and not self._trunk.is_read and self._reader is None:  # it was given up, or has failed
            self._fell_trunk()
        while self._waiting and len(self._writing) < AT_ONCE:
            if self._trunk and self._trunk.order is not self._waiting[0].order:
                self._fell_trunk()
            if self._trunk and not self._trunk.is_read:
                return
            piece = self._waiting.popleft()
            if piece.is_wanted:
                self._begin(engine, piece)
        if not self._waiting:
            self._fell_trunk()

    def _begin(self, engine: Engine[Any], piece: Piece) -> None:
        trunk = self._trunk
        try:
            writer = piece.order.write(trunk.branches(engine) if trunk else engine, piece.seed, piece.went_on)
            sequence, step = next(writer)
        except Exception as error:
            self._end(piece, error)
            return
        self._writing.append(_Writing(piece, writer, sequence, trunk.left_of(step) if trunk else step))
        if trunk is None and self._waiting and self._waiting[0].order is piece.order:
            self._trunk = Trunk(piece.order, sequence, step.append)

    @property
    def _reader(self) -> _Writing | None:
        """Who reads the prompt of which others wait for a copy."""
        return next((each for each in self._writing if self._trunk and each.sequence is self._trunk.reader), None)

    def _fell_trunk(self) -> None:
        if self._trunk:
            self._trunk.close()
        self._trunk = None

    def _run(self, engine: Engine[Any], turn: list[tuple[_Writing, Step]]) -> list[Drawn]:
        """All in one batch. Where the engine refuses a step it has done none: then one by one, and that piece ends."""
        if not turn:
            return []
        try:
            return engine.run([(writing.sequence, step) for writing, step in turn])
        except BadStep:
            return [self._run_alone(engine, writing, step) for writing, step in turn]

    def _run_alone(self, engine: Engine[Any], writing: _Writing, step: Step) -> Drawn:
        try:
            (drawn,) = engine.run([(writing.sequence, step)])
        except BadStep as error:
            self._writing.remove(writing)
            writing.writer.close()
            self._end(writing.piece, error)
            return ()
        return drawn

    def _advance(self, writing: _Writing, drawn: Drawn) -> None:
        if writing not in self._writing:  # its step was refused
            return
        try:
            writing.sequence, writing.step = writing.writer.send(drawn)
        except StopIteration as end:
            self._writing.remove(writing)
            writing.piece.ended(writing.piece, end.value)
        except Exception as error:
            self._writing.remove(writing)
            self._end(writing.piece, error)

    def _end(self, piece: Piece, error: Exception) -> None:
        log.error("a piece could not be written", exc_info=error)
        piece.ended(piece, error)
