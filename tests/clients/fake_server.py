"""A small server that speaks the messages of `/v1/live` and plays what a test tells it to."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from streaming.messages import (
    SUBPROTOCOL,
    ClientBye,
    ClientHeartbeat,
    ClientMessage,
    Hello,
    PlayedNote,
    ServerHeartbeat,
    ServerMessage,
    Start,
    Welcome,
    client_message,
)

Answer = Callable[[PlayedNote], ServerMessage | None]
Planner = Callable[[ClientHeartbeat], ServerMessage | None]


class FakeServer:
    """Welcomes, echoes heartbeats, and answers each note with what `answer` returns, each heartbeat with `plan`'s."""

    def __init__(self, answer: Answer = lambda note: None, plan: Planner = lambda beat: None) -> None:
        self.heard: list[ClientMessage] = []
        self.beats = True  # echo heartbeats; False plays dead
        self._answer = answer
        self._plan = plan
        self._sockets: set[ServerConnection] = set()
        self._changed = asyncio.Condition()

    def notes(self) -> list[PlayedNote]:
        return [message for message in self.heard if isinstance(message, PlayedNote)]

    def starts(self) -> list[Start]:
        return [message for message in self.heard if isinstance(message, Start)]

    def ticks(self) -> list[int | None]:
        return [message.tick for message in self.heard if isinstance(message, ClientHeartbeat)]

    def left(self) -> bool:
        return any(isinstance(message, ClientBye) for message in self.heard)

    async def until(self, happened: Callable[[], bool], timeout_s: float = 5.0) -> None:
        async with asyncio.timeout(timeout_s), self._changed:
            await self._changed.wait_for(happened)

    async def say(self, message: ServerMessage) -> None:
        await self.say_text(message.model_dump_json())

    async def say_text(self, text: str) -> None:
        for socket in self._sockets:
            await socket.send(text)

    def cut(self) -> None:
        """As when a cable is pulled: no close frame, no goodbye."""
        for socket in self._sockets:
            socket.transport.abort()

    def hang(self) -> None:
        """As when its process is stopped: the connection stays, but nothing is read or said any more."""
        self.beats = False
        for socket in self._sockets:
            socket.transport.pause_reading()

    async def handle(self, socket: ServerConnection) -> None:
        self._sockets.add(socket)
        try:
            async for text in socket:
                await self._receive(socket, client_message.validate_json(text))
        finally:
            self._sockets.discard(socket)

    async def _receive(self, socket: ServerConnection, message: ClientMessage) -> None:
        async with self._changed:
            self.heard.append(message)
            self._changed.notify_all()
        answer: ServerMessage | None = None
        if isinstance(message, Hello):
            answer = Welcome(session="s", server="0", model="fake")
        elif isinstance(message, ClientHeartbeat) and self.beats:
            await socket.send(ServerHeartbeat(tick=message.tick, ping_ns=message.ping_ns).model_dump_json())
            answer = self._plan(message)
        elif isinstance(message, PlayedNote):
            answer = self._answer(message)
        if answer is not None:
            await socket.send(answer.model_dump_json())


@asynccontextmanager
async def serving(
    handle: Callable[[ServerConnection], Awaitable[None]], port: int = 0, subprotocol: str = SUBPROTOCOL
) -> AsyncIterator[str]:
    """The address where `handle` is served; port 0 takes a free one."""
    protocols = [Subprotocol(subprotocol)]
    async with serve(handle, "127.0.0.1", port, subprotocols=protocols, compression=None) as server:
        bound = next(iter(server.sockets)).getsockname()[1]
        yield f"ws://127.0.0.1:{bound}/v1/live"
