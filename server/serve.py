"""`tradefours serve`: a socket, an engine, the app, and a clean end. Knows no route and no model."""

import asyncio
import errno
import gc
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, Final, NamedTuple

import uvicorn

from clients.live import tradefours_version
from model.engine.work import ServedEngine
from music.errors import BadSetting, TradefoursError
from server.app import build_app
from server.drain import Drain
from server.logs import logging_as
from server.settings import Settings
from server.stage import STOPPING, Stage
from server.wire_guard import GuardedHttp, GuardedWebSocket

LARGEST_MESSAGE: Final = 64 * 1024
SEND_BUFFER: Final = 64 * 1024  # small, so that a client that does not read is found out in seconds, not minutes
PING_S: Final = 5.0
SHUTDOWN_S: Final = 1  # for requests that are answered just now; clients have had their time
CONNECTIONS: Final = 512
SWITCH_S: Final = 0.001  # so that a note waits 1 ms at most for Python in the engine's thread, not 5


class LoadedEngine(NamedTuple):
    engine: ServedEngine[Any]
    model: str  # name of the network
    backend: str  # what computes it
    weights: str = ""  # their fingerprint
    solo_context: int | None = None  # of a network for solo piano: the most tokens that it hears


LoadEngine = Callable[[Settings], LoadedEngine]
Stop = Callable[[], None]  # ends the server; from any thread, and more than once is once
OnReady = Callable[[str, Stop], None]  # gets host:port


def serve(settings: Settings, load_engine: LoadEngine, *, on_ready: OnReady = lambda netloc, stop: None) -> int:
    """Serve until SIGTERM or Ctrl-C. Returns the exit code; `on_ready` is called once clients may come."""
    with logging_as(settings.log_format, settings.log_level, sys.stderr):
        return _serve(settings, load_engine, on_ready)


def _serve(settings: Settings, load_engine: LoadEngine, on_ready: OnReady) -> int:
    try:
        # Only to be told early of a port that is taken: who listens should answer at once, and loading takes seconds.
        listen(settings.host, settings.port).close()
        loaded = load_engine(settings)
        listener = listen(settings.host, settings.port)
    except TradefoursError as error:
        print(error, file=sys.stderr)
        return 1
    with listener:
        sys.setswitchinterval(SWITCH_S)
        port = listener.getsockname()[1]

        def announce() -> None:
            print(
                f"Tradefours {tradefours_version()} · model {loaded.model} · {address(settings.host, port)}", flush=True
            )
            on_ready(netloc(listener), server.stop)

        app = build_app(settings, *loaded)
        server = Server(app.state.stage, announce, uvicorn_config(app))
        spare_collector()
        server.run(sockets=[listener])
        return 0 if server.started else 1


def spare_collector() -> None:
    """All that is loaded by now stays: to search it for garbage again and again would stop the music for 0.1 s."""
    gc.collect()
    gc.freeze()


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises BadSetting with what to do when that cannot be."""
    try:
        family, kind, protocol, _, target = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise BadSetting(f"expected an address of this machine, got {host} ({error.strerror or error})") from error
    listener = socket.socket(family, kind, protocol)
    try:
        if sys.platform != "win32":  # there it would let two servers share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        listener.bind(target)
        listener.listen()  # at once: only that claims the port
    except OSError as error:
        listener.close()
        raise BadSetting(_why_not(host, port, error)) from error
    return listener


def address(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def netloc(listener: socket.socket) -> str:
    """host:port as clients on this machine reach it."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def uvicorn_config(app: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_config=None,
        log_level="warning",
        access_log=False,
        http=GuardedHttp,
        ws=GuardedWebSocket,
        ws_max_size=LARGEST_MESSAGE,
        ws_per_message_deflate=False,
        ws_ping_interval=PING_S,
        ws_ping_timeout=PING_S,
        timeout_graceful_shutdown=SHUTDOWN_S,
        limit_concurrency=CONNECTIONS,
        server_header=False,
    )


class Server(uvicorn.Server):
    """uvicorn, which says when it is ready, sees its clients out, and takes SIGTERM for a wish, not a failure."""

    def __init__(self, stage: Stage, announce: Callable[[], None], config: uvicorn.Config) -> None:
        super().__init__(config)
        self._stage = stage
        self._announce = announce
        self._drain = Drain(stage)

    def stop(self) -> None:
        """As SIGTERM would, but never as a second signal, and never as one that comes when nobody hears it any more."""
        with suppress(RuntimeError):  # the loop is closed: it has ended
            self._loop.call_soon_threadsafe(self._stop)

    def _stop(self) -> None:
        if not self.should_exit:
            self.handle_exit(signal.SIGTERM, None)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        self._announce()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._stage.clear(STOPPING)
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._drain.hear(sig)
        super().handle_exit(sig, frame)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn does, but without dying of the signal afterwards: the exit code is 0."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {each: signal.signal(each, self.handle_exit) for each in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)


def _why_not(host: str, port: int, error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"port {port} on {host} is taken: another server runs there; choose --port"
        case errno.EACCES:
            return f"port {port} on {host} is not allowed to this user; choose --port above 1023"
        case errno.EADDRNOTAVAIL:
            return f"{host} is no address of this machine; choose --host 127.0.0.1"
    return f"cannot listen on port {port} of {host}: {error.strerror}"
