"""The sessions that play now, as the event loop and the engine's thread share them. Knows neither, and no engine."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from model.engine.work import EngineSequence
from music.time import Nanos
from server.batch import Batch
from server.numbers import Numbers
from server.seat import Seat
from streaming.messages import ErrorMessage

log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class House:
    """Methods want the lock to be held."""

    lock: threading.Condition = field(default_factory=threading.Condition)  # notified when the engine thread has news
    seats: list[Seat] = field(default_factory=list)
    abandoned: list[EngineSequence] = field(default_factory=list)
    batch: Batch = field(default_factory=Batch)
    numbers: Numbers = field(default_factory=Numbers)
    turn_began: Nanos | None = None  # None: the engine's thread rests
    failure: str | None = None
    has_news: bool = False
    is_stopping: bool = False

    def tell(self) -> None:
        self.has_news = True
        self.lock.notify()

    def drop(self, seat: Seat) -> None:
        if not seat.is_open:
            return
        seat.is_open = False
        self.numbers.late += seat.session.late
        self.numbers.rested += seat.session.rested
        self.seats.remove(seat)
        self.abandoned += seat.sequences

    def expel(self, seat: Seat, error: Exception) -> None:
        log.error("a session failed", exc_info=error)
        self.drop(seat)
        seat.emit(ErrorMessage(code="session_failed", reason=sentence(error), fatal=True))

    @contextmanager
    def minding(self, seat: Seat) -> Iterator[None]:
        """A session that raises ends alone; the others play on."""
        try:
            yield
        except Exception as error:
            self.expel(seat, error)


def sentence(error: Exception) -> str:
    return str(error) or type(error).__name__
