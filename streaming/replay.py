"""A journal played again: the same calls in the same order make the same session, note for note. Knows no file."""

from copy import deepcopy
from itertools import zip_longest
from typing import Any, Protocol

from model.engine.work import Drawn, Step
from music.errors import BadJournal
from music.time import Tick
from streaming.journal import Frame, Journaled, Op, follow, read_calls, read_happening, read_start
from streaming.messages import PlayerPart
from streaming.truth import Truth


class Drawing(Protocol):
    """Draws again what was drawn."""

    def begin(self, seed: int) -> None:
        """A session begins, or goes on with an engine that knows nothing."""

    def run(self, step: Step, *, is_relief: bool) -> Drawn: ...

    def relieve(self) -> None:
        """The second sequence takes over."""


class Replay:
    """`tokens` were drawn, of which `different` ones are others this time; each came from the journal either way."""

    def __init__(self, drawing: Drawing | None = None) -> None:
        self.tokens = 0
        self.different = 0
        self.has_drawn = drawing is not None
        self.written: list[bytes] = []  # what a journal of this replay would hold
        self.session: Journaled
        self.truth: Truth
        self._drawing = drawing
        self._drawn: Drawn = ()
        self._now = Tick(0)

    def play(self, frame: Frame) -> None:
        """The next one. Raises BadJournal where a session cannot have told it."""
        for op, ticks, value in read_calls(frame):
            self._now = Tick(self._now + ticks)
            self._call(op, value)
        self._now = frame.now
        match frame.event:
            case ["start", about]:
                self.truth = Truth(read_start(about))
                self._begin(about, None)
            case ["resume", about]:
                follow(self.truth, frame)
                self._begin(about, deepcopy(self.truth))  # the session goes on with its keys as its own
                return
            case ["join", player]:
                self.session.join(PlayerPart.model_validate(player))
            case ["end"]:
                self.session.end()
            case [kind, seq, *_] if kind != "plan":
                self.session.receive(read_happening(frame.event), frame.now, seq)
        follow(self.truth, frame)

    def _begin(self, about: dict[str, Any], truth: Truth | None) -> None:
        more = {name: value for name, value in about.items() if name not in ("start", "capacity", "is_solo")}
        self.session = Journaled(
            self.truth.start,
            capacity=about["capacity"],
            write=self.written.append,
            about=more,
            truth=truth,
            is_solo=about.get("is_solo", False),
        )
        if self._drawing:
            self._drawing.begin(self.truth.start.seed)

    def _call(self, op: Op, value: Any) -> None:
        session, now = self.session, self._now
        match op:
            case Op.POLL:
                self._run(session.poll(now), is_relief=False)
            case Op.ACCEPT:
                drawn = _drawn(value)
                self._compare(drawn)
                session.accept(drawn, now)
            case Op.RELIEVE:
                self._run(session.relieve(now), is_relief=True)
            case Op.RELIEVED:
                if session.accept_relief(now) and self._drawing:
                    self._drawing.relieve()
            case Op.TAKE:
                session.take_plan(now)
            case Op.ROUND_TRIP:
                if not isinstance(value, int):
                    raise BadJournal(f"expected the ticks of a round trip, got {value!r}")
                session.hear_round_trip(value)

    def _run(self, step: Step | None, *, is_relief: bool) -> None:
        if step and self._drawing:
            self._drawn = self._drawing.run(step, is_relief=is_relief)

    def _compare(self, drawn: Drawn) -> None:
        self.tokens += len(drawn)
        if self._drawing:
            self.different += sum(before != now for before, now in zip_longest(drawn, self._drawn))


def _drawn(value: Any) -> Drawn:
    if not (isinstance(value, list) and all(isinstance(token, int) for token in value)):
        raise BadJournal(f"expected the tokens that were drawn, got {value!r}")
    return tuple(value)
