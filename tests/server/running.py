"""A whole server in a thread, at a free port, with a fake engine."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from server.app import build_app
from server.serve import LoadedEngine, Server, listen, uvicorn_config
from server.settings import Settings
from server.stage import Stage
from streaming.messages import SUBPROTOCOL, ServerMessage, server_message
from tests.server.fakes import FakeEngine

PATIENCE_S = 10.0  # for what should come at once: a busy machine is no bug


@dataclass
class Running:
    port: int
    stage: Stage
    engine: Any  # FakeEngine, if nothing else was asked for
    server: Server

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @asynccontextmanager
    async def connected(self, path: str = "/v1/live", **options: Any) -> AsyncIterator[ClientConnection]:
        options = {"subprotocols": [Subprotocol(SUBPROTOCOL)], "proxy": None, "compression": None} | options
        async with connect(f"ws://127.0.0.1:{self.port}{path}", **options) as socket:
            yield socket

    @asynccontextmanager
    async def playing(self, **start: Any) -> AsyncIterator[ClientConnection]:
        """A client that has said hello and start; the welcome is read."""
        async with self.connected() as socket:
            await say(socket, type="hello", client="test")
            await heard(socket, "welcome")
            await say(socket, type="start", **start)
            yield socket


async def say(socket: ClientConnection, **message: Any) -> None:
    import json

    await socket.send(json.dumps(message))


async def heard(socket: ClientConnection, kind: str) -> Any:
    """The next message of this kind; others are skipped."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            message: ServerMessage = server_message.validate_json(await socket.recv())
            if message.type == kind:
                return message


@contextmanager
def run_server(
    *, solo_context: int | None = None, loaded: LoadedEngine | None = None, **settings: Any
) -> Iterator[Running]:
    """With `loaded` or, if not said, with dice."""
    with TemporaryDirectory() as folder:
        played = loaded or LoadedEngine(FakeEngine(), "fake", "dice", solo_context=solo_context)
        yield from _run(Settings(**{"port": 0, "generations": folder, **settings}), played)


def _run(chosen: Settings, loaded: LoadedEngine) -> Iterator[Running]:
    app = build_app(chosen, *loaded)
    ready = threading.Event()
    listener = listen(chosen.host, chosen.port)
    server = Server(app.state.stage, ready.set, uvicorn_config(app))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        assert ready.wait(PATIENCE_S)
        yield Running(listener.getsockname()[1], app.state.stage, loaded.engine, server)
    finally:
        server.should_exit = True
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
