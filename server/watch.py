"""`/v1/watch`: what a page sees of every live session. Read-only; what watchers say is ignored.

Watchers get the notes and plans of every player in the house. Knows nothing of how they are made.
"""

import asyncio
from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from starlette.websockets import WebSocket

from server.limits import Rate
from server.outbox import TOO_SLOW, Outbox
from streaming.messages import Plan, PlayedNote, Start

STATUS_EVERY_S = 0.25


class WatchMessage(BaseModel):
    model_config = ConfigDict(frozen=True)


class WatchBegan(WatchMessage):
    """A session began, or was there already when the watcher came."""

    type: Literal["began"] = "began"
    session: str
    start: Start


class WatchEnded(WatchMessage):
    type: Literal["ended"] = "ended"
    session: str


class WatchNote(WatchMessage):
    """A human's key went down or came up."""

    type: Literal["note"] = "note"
    session: str
    note: PlayedNote


class WatchPlan(WatchMessage):
    """The machine's plan changed."""

    type: Literal["plan"] = "plan"
    session: str
    plan: Plan


class WatchStatus(WatchMessage):
    """How the server is, four times a second."""

    type: Literal["status"] = "status"
    model: str
    backend: str
    sessions: int
    max_sessions: int
    tokens_per_second: float
    busy_share: float
    reaction_p50_ms: float | None
    reaction_p95_ms: float | None
    trouble: str | None
    ticks: dict[str, int | None] = Field(description="Where each session's clock is.")


AnyWatchMessage = Annotated[WatchBegan | WatchEnded | WatchNote | WatchPlan | WatchStatus, Field(discriminator="type")]


class Gallery:
    """Everybody who watches. Event loop only; `show` never blocks, and a watcher that does not read is closed."""

    def __init__(self, max_watchers: int) -> None:
        self._max_watchers = max_watchers
        self._outboxes: set[Outbox] = set()
        self._playing: dict[str, WatchBegan] = {}

    @property
    def is_full(self) -> bool:
        return len(self._outboxes) >= self._max_watchers

    def show(self, message: WatchMessage) -> None:
        match message:
            case WatchBegan():
                self._playing[message.session] = message
            case WatchEnded():
                self._playing.pop(message.session, None)
            case _:
                pass
        if self._outboxes:
            text = message.model_dump_json()
            for outbox in self._outboxes:
                outbox.put(text)

    async def tell(self, status: Callable[[], WatchStatus]) -> None:
        """Show how the server is, as long as it runs: asked once for all who watch, and not where nobody does."""
        while True:
            if self._outboxes:
                self.show(status())
            await asyncio.sleep(STATUS_EVERY_S)

    def join(self, outbox: Outbox) -> None:
        self._outboxes.add(outbox)
        for began in self._playing.values():
            outbox.put(began.model_dump_json())

    def leave(self, outbox: Outbox) -> None:
        self._outboxes.discard(outbox)


class WatchConnection:
    """One page that watches."""

    def __init__(self, websocket: WebSocket, gallery: Gallery, limit: int, messages_per_s: int) -> None:
        self.gone = asyncio.Event()
        self._websocket = websocket
        self._gallery = gallery
        self._messages_per_s = messages_per_s
        self._outbox = Outbox(websocket, limit)

    def say_goodbye(self, reason: str) -> None:
        self._outbox.end(1012, reason)

    async def run(self) -> None:
        """Until the watcher leaves or is told to."""
        if self._gallery.is_full:
            self._outbox.end(1013, "expected fewer watchers, got one more")
        else:
            self._gallery.join(self._outbox)
        listener = asyncio.create_task(self._listen())
        sender = asyncio.create_task(self._outbox.run())
        sender.add_done_callback(lambda _: self._outbox.end(1000))  # it has nothing to say that would have to be heard
        try:
            await self._outbox.ended.wait()
            await asyncio.wait({sender}, timeout=1)
        finally:
            self._gallery.leave(self._outbox)
            for task in (listener, sender):
                task.cancel()
            await asyncio.gather(listener, sender, return_exceptions=True)
            self.gone.set()

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        rate = Rate(self._messages_per_s, loop.time())
        while (frame := await self._websocket.receive())["type"] != "websocket.disconnect":
            if rate.take(len(frame.get("text") or frame.get("bytes") or ""), loop.time()) == "too_fast":
                self._outbox.end(TOO_SLOW, "expected a watcher that says little, got a flood")
                return
        self._outbox.end(1000)
