"""`/v1/live`: one client's connection, from hello to bye. Knows no engine and no music.

A bad message is answered and ignored. Whatever way a connection ends, its session ends with it.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from pydantic import ValidationError
from starlette.websockets import WebSocket

from clients.live import tradefours_version
from music.errors import TradefoursError
from server.complaint import complaint
from server.outbox import TOO_SLOW, Outbox
from server.seat import Heard, Refused, Seat
from server.stage import Stage
from server.watch import WatchBegan, WatchEnded, WatchNote, WatchPlan
from streaming.messages import (
    ClientBye,
    ClientHeartbeat,
    ClientMessage,
    Control,
    ErrorMessage,
    Hello,
    Pedal,
    Plan,
    PlayedNote,
    ServerBye,
    ServerHeartbeat,
    ServerMessage,
    Start,
    Transport,
    Welcome,
    client_message,
)

LEFT, STOPPING, FULL, BROKEN, SILENT = 1000, 1012, 1013, 1011, 4408
CLOSE_CODES: Final = {"full": FULL, "flood": TOO_SLOW}  # of fatal errors; every other one is BROKEN
LAST_WORDS_S: Final = 2.0  # a client that does not read has this long to take the close frame

log = logging.getLogger(__name__)


class LiveConnection:
    """Event loop only."""

    def __init__(self, websocket: WebSocket, stage: Stage) -> None:
        self.session = secrets.token_hex(4)
        self.gone = asyncio.Event()
        self._websocket = websocket
        self._stage = stage
        self._outbox = Outbox(websocket, stage.settings.outbox_messages)
        self._loop = asyncio.get_running_loop()
        self._hello_by = self._loop.time() + stage.settings.hello_timeout_s
        self._greeted = False
        self._seat: Seat | None = None
        self._starts = 0  # how often this client has begun to play
        self._seq = 0

    def say_goodbye(self, reason: str) -> None:
        self._send(ServerBye(reason=reason))
        self._outbox.end(STOPPING, reason)

    async def run(self) -> None:
        """Until either side has had enough."""
        listener = asyncio.create_task(self._listen())
        sender = asyncio.create_task(self._outbox.run())
        try:
            await self._outbox.ended.wait()
            self._leave()  # at once: the last words may take their time
            await asyncio.wait({sender}, timeout=LAST_WORDS_S)
        finally:
            self._leave()
            for task in (listener, sender):
                task.cancel()
            await asyncio.gather(listener, sender, return_exceptions=True)
            self.gone.set()

    # ---- from the client ---------------------------------------------------------------------------

    async def _listen(self) -> None:
        try:
            while not self._outbox.ended.is_set():
                async with asyncio.timeout_at(self._deadline()):
                    frame = await self._websocket.receive()
                if frame["type"] == "websocket.disconnect":
                    break
                self._hear(frame.get("text"))
            self._outbox.end(LEFT)
        except TimeoutError:
            what = "heartbeats" if self._greeted else "a hello"
            reason = f"expected {what} in time, got silence"
            self._send(ErrorMessage(code="silence", reason=reason, fatal=True))
            self._outbox.end(SILENT, reason)
        except Exception:
            log.exception("a connection failed")
            self._outbox.end(BROKEN, "the server made a mistake")

    def _deadline(self) -> float:
        if not self._greeted:
            return self._hello_by
        return self._loop.time() + self._stage.settings.silence_timeout_s

    def _hear(self, text: str | None) -> None:
        try:
            if text is None:
                raise Refused("binary", "expected a text frame with JSON, got a binary one")
            self._answer(client_message.validate_json(text, strict=True))
        except ValidationError as error:
            code, reason = complaint(error)
            self._send(ErrorMessage(code=code, reason=reason))
        except Refused as error:
            self._complain(error.code, str(error), fatal=error.fatal)
        except TradefoursError as error:
            self._complain("bad_setting", str(error))

    def _answer(self, message: ClientMessage) -> None:
        if not self._greeted and not isinstance(message, Hello | ClientBye):
            raise Refused("no_hello", f"expected hello before anything else, got {message.type}")
        match message:
            case Hello():
                self._greeted = True
                self._send(Welcome(session=self.session, server=tradefours_version(), model=self._stage.model))
            case Start():
                self._start(message)
            case PlayedNote() | Pedal() | Control() | Transport():
                self._deliver(message)
            case ClientHeartbeat():
                self._send(self._beat(message))
            case ClientBye():
                self._outbox.end(LEFT)

    def _start(self, start: Start) -> None:
        seat = self._stage.host.open(start, self._emitter(self._starts + 1), instead_of=self._seat)
        self._leave()
        self._starts += 1
        self._seat = seat
        self._stage.began(self.session, seat)
        self._stage.gallery.show(WatchBegan(session=self.session, start=start))

    def _deliver(self, message: Heard) -> None:
        if self._seat is None:
            raise Refused("not_started", f"expected start before {message.type}, got none")
        self._stage.host.deliver(self._seat, message)
        if isinstance(message, PlayedNote):
            self._stage.gallery.show(WatchNote(session=self.session, note=message))

    def _beat(self, beat: ClientHeartbeat) -> ServerHeartbeat:
        if self._seat is None:
            return ServerHeartbeat(ping_ns=beat.ping_ns)
        return self._stage.host.heartbeat(self._seat, beat)

    # ---- to the client -----------------------------------------------------------------------------

    def _emitter(self, starts: int) -> Callable[[ServerMessage], None]:
        """For the engine thread: brings a message to the event loop."""

        def emit(message: ServerMessage) -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody is left to hear it
                self._loop.call_soon_threadsafe(self._on_emitted, starts, message)

        return emit

    def _on_emitted(self, starts: int, message: ServerMessage) -> None:
        if starts != self._starts or self._seat is None:
            return  # from a session that this client has left
        if isinstance(message, Plan):
            self._send(message)
            self._stage.gallery.show(WatchPlan(session=self.session, plan=message))
        elif isinstance(message, ErrorMessage):
            self._complain(message.code, message.reason, fatal=message.fatal)

    def _complain(self, code: str, reason: str, *, fatal: bool = False) -> None:
        self._send(ErrorMessage(code=code, reason=reason, fatal=fatal))
        if fatal:
            self._outbox.end(CLOSE_CODES.get(code, BROKEN), reason)

    def _send(self, message: ServerMessage) -> None:
        self._outbox.put(message.model_copy(update={"seq": self._seq}).model_dump_json())
        self._seq += 1

    def _leave(self) -> None:
        """End the session, if there is one."""
        if self._seat is not None:
            self._stage.host.close(self._seat)
            self._stage.gallery.show(WatchEnded(session=self.session))
            self._stage.seats.pop(self.session, None)
            self._seat = None
