"""What all connections of a server share, and the way they all end together. Knows no route."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from clients.live import tradefours_version
from model.engine.work import Cached
from server.diary import Diary
from server.host import SessionHost
from server.journals import Journals
from server.seat import Seat
from server.settings import Settings
from server.traffic import Traffic
from server.vitals import Vitals
from server.watch import Gallery, WatchStatus

if TYPE_CHECKING:
    from server.conversation import Conversation
    from server.rest.jobs import Jobs

REMEMBERED: Final = 64  # sessions whose recordings can be had
GOODBYE_S: Final = 1.0  # clients have this long to take their leave
ANSWERS_NS: Final = 5_000_000_000  # an engine that computes for longer in one turn is stuck
STOPPING: Final = "the server is stopping"


class Leaving(Protocol):
    """A connection that can be told to end. `gone` is set when it has."""

    gone: asyncio.Event

    def say_goodbye(self, reason: str) -> None: ...


@dataclass(slots=True, kw_only=True)
class Stage:
    settings: Settings
    host: SessionHost
    cached: Callable[[], Cached]  # how much the engine remembers
    gallery: Gallery
    model: str  # name of the network that plays
    backend: str
    weights: str = ""  # their fingerprint
    journals: Journals | None = None
    jobs: "Jobs | None" = None
    diary: Diary = field(default_factory=Diary)
    traffic: Traffic = field(default_factory=Traffic)
    vitals: Vitals = field(init=False)
    is_closing: bool = False
    since_ns: int = field(default_factory=time.monotonic_ns)
    is_put_away: bool = False  # nothing that is to be kept is in memory alone
    connections: set[Leaving] = field(default_factory=set)
    seats: dict[str, Seat] = field(default_factory=dict)  # of the live sessions, by their names
    conversations: dict[str, "Conversation"] = field(default_factory=dict)  # those with a session, by their tokens
    played: dict[str, Seat] = field(default_factory=dict)  # the newest, live or over, for their recordings

    def __post_init__(self) -> None:
        self.vitals = Vitals(self.host)

    @property
    def trouble(self) -> str | None:
        """Why nobody can play; None while all is well."""
        if self.is_closing:
            return STOPPING
        health = self.host.health()
        if health.failure is None and health.silence_ns > ANSWERS_NS:
            return f"the engine has not answered for {health.silence_ns / 1e9:.0f} s"
        return health.failure

    @property
    def sessions_waiting(self) -> int:
        """Those whose client is lost, and may come back. Any thread."""
        return sum(talk.outbox is None for talk in list(self.conversations.values()))

    @property
    def about(self) -> dict[str, str]:
        """What a journal tells of who plays."""
        return {"server": tradefours_version(), "model": self.model, "weights": self.weights, "backend": self.backend}

    def status(self) -> WatchStatus:
        status = self.host.status()
        return WatchStatus(
            model=self.model,
            backend=self.backend,
            sessions=status.sessions,
            max_sessions=status.max_sessions,
            tokens_per_second=status.tokens_per_second,
            busy_share=status.busy_share,
            reaction_p50_ms=_milliseconds(status.reaction_p50_ns),
            reaction_p95_ms=_milliseconds(status.reaction_p95_ns),
            trouble=self.trouble,
            ticks={name: self.host.tick_of(seat) for name, seat in self.seats.items()},
        )

    def began(self, session: str, seat: Seat) -> None:
        self.seats[session] = seat
        self.played.pop(session, None)
        self.played[session] = seat
        for oldest in list(self.played)[:-REMEMBERED]:
            del self.played[oldest]

    async def clear(self, reason: str) -> None:
        """Let nobody in, and see everybody out."""
        self.is_closing = True
        if self.jobs:
            self.jobs.let_go()
        leaving = list(self.connections)
        if leaving:
            self.diary.goaway(len(leaving), reason)
        for connection in leaving:
            connection.say_goodbye(reason)
        waits = [asyncio.create_task(connection.gone.wait()) for connection in leaving]
        if waits:
            _, late = await asyncio.wait(waits, timeout=GOODBYE_S)
            for task in late:
                task.cancel()
        for talk in list(self.conversations.values()):  # those that wait for a lost client, too
            talk.leave()


def _milliseconds(nanos: int | None) -> float | None:
    return None if nanos is None else nanos / 1e6
