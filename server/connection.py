"""`/v1/live`: one client's connection, from hello to bye. Knows no engine and no music.

A bad message is answered and ignored. A session ends with its connection, unless the client asked for patience.
"""

import asyncio
import logging
from contextlib import suppress
from typing import Final

from pydantic import ValidationError
from starlette.websockets import WebSocket

from clients.live import tradefours_version
from music.errors import BadSetting, TradefoursError
from server.complaint import complaint
from server.conversation import Conversation
from server.door import caller_of
from server.limits import Rate
from server.outbox import LEFT, TOO_SLOW, Outbox
from server.seat import SAID_AGAIN, Heard, Refused
from server.stage import Stage
from server.watch import WatchNote
from streaming.messages import (
    ClientBye,
    ClientHeartbeat,
    ClientMessage,
    Control,
    ErrorMessage,
    Hello,
    Join,
    Pedal,
    Plan,
    PlayedNote,
    ServerBye,
    ServerHeartbeat,
    Start,
    Transport,
    Welcome,
    client_message,
)
from streaming.wire import JSON_WIRE, BadFrame, Wire, unpack

STOPPING, FULL, BROKEN, SILENT = 1012, 1013, 1011, 4408
CLOSE_CODES: Final = {"full": FULL, "flood": TOO_SLOW, "idle": SILENT}  # of fatal errors; every other one is BROKEN
LAST_WORDS_S: Final = 2.0  # a client that does not read has this long to take the close frame

log = logging.getLogger(__name__)


class LiveConnection:
    """Event loop only."""

    def __init__(self, websocket: WebSocket, stage: Stage, wire: Wire = JSON_WIRE) -> None:
        self.gone = asyncio.Event()
        self._websocket = websocket
        self._stage = stage
        self._wire = wire
        self._outbox = Outbox(websocket, stage.settings.outbox_messages)
        self._loop = asyncio.get_running_loop()
        self._hello_by = self._loop.time() + stage.settings.hello_timeout_s
        self._start_by = self._loop.time() + stage.settings.start_timeout_s
        self._rate = Rate(stage.settings.messages_per_s, self._loop.time())
        self._greeted = False
        self._is_lost = False  # the connection, without anybody's will
        self._talk = Conversation(stage, wire, self._on_session_error, caller_of(websocket.scope))
        self._talk.outbox = self._outbox

    def say_goodbye(self, reason: str) -> None:
        if self._talk.seat is not None:
            self._talk.send(Plan(silence=True))  # whatever the client makes of the rest
        self._talk.send(ServerBye(reason=reason))
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
                    self._is_lost = True
                    break
                await self._hear(frame.get("text"), frame.get("bytes"))
            self._outbox.end(LEFT)
        except TimeoutError:
            what = "heartbeats" if self._greeted else "a hello"
            reason = f"expected {what} in time, got silence"
            self._is_lost = True
            self._stage.diary.client_refused("silence", self._talk.session)
            self._talk.say_last(ErrorMessage(code="silence", reason=reason, fatal=True))
            self._outbox.end(SILENT, reason)
        except Exception:
            log.exception("a connection failed")
            self._outbox.end(BROKEN, "the server made a mistake")

    def _deadline(self) -> float:
        if not self._greeted:
            return self._hello_by
        return self._loop.time() + self._stage.settings.silence_timeout_s

    async def _hear(self, text: str | None, packed: bytes | None) -> None:
        try:
            self._check_patience(len(text or packed or ""))
            await self._answer(self._read(text, packed))
        except ValidationError as error:
            code, reason = complaint(error)
            self._talk.send(ErrorMessage(code=code, reason=reason))
        except Refused as error:
            self._complain(error.code, str(error), fatal=error.fatal)
        except TradefoursError as error:
            self._complain("bad_setting", str(error))

    def _check_patience(self, size: int) -> None:
        """Of ours, with a client that says too much, or never plays. Raises Refused."""
        now, settings = self._loop.time(), self._stage.settings
        pace = self._rate.take(size, now)
        too_many = f"expected at most {settings.messages_per_s} messages a second in the long run, got more"
        if pace == "too_fast":
            raise Refused("flood", too_many, fatal=True)
        if pace == "fast":
            self._complain("too_fast", too_many)
        if self._talk.seat is not None:
            self._start_by = now + settings.start_timeout_s
        elif now > self._start_by:
            raise Refused("idle", f"expected start within {settings.start_timeout_s:g} s, got none", fatal=True)

    def _read(self, text: str | None, packed: bytes | None) -> ClientMessage:
        if self._wire.is_binary:
            if packed is None:
                raise Refused("text", "expected a binary frame with msgpack, got a text one")
            try:
                return client_message.validate_python(unpack(packed), strict=True)
            except BadFrame as error:
                raise Refused("bad_msgpack", f"expected one msgpack map, got: {error}") from None
        if text is None:
            raise Refused("binary", "expected a text frame with JSON, got a binary one")
        return client_message.validate_json(text, strict=True)

    async def _answer(self, message: ClientMessage) -> None:
        if not self._greeted and not isinstance(message, Hello | ClientBye):
            raise Refused("no_hello", f"expected hello before anything else, got {message.type}")
        match message:
            case Hello():
                await self._greet(message)
            case Start() if not self._talk.is_known(message.seq):
                self._talk.start(message)
                self._talk.heard_seq = message.seq
            case Join():
                self._talk.join(message)
            case PlayedNote() | Pedal() | Control() | Transport() if not self._talk.is_known(message.seq):
                self._deliver(message)
            case ClientHeartbeat():
                self._talk.send(self._beat(message))
                self._talk.tell_tokens()
            case ClientBye():
                self._outbox.end(LEFT)

    async def _greet(self, hello: Hello) -> None:
        self._greeted = True
        known = await self._known(hello) if hello.resume and self._talk.seat is None else None
        if known is None or not known.can_go_on(hello.last_seq):
            self._talk.keep_s = hello.keep_s
            self._talk.send(self._welcome(self._talk, resumed=False))
            return
        if known.outbox is not None:  # the older connection is dead, and we know it first
            known.outbox.end(LEFT, "the client came back by another connection")
        self._talk = known
        known.keep_s = hello.keep_s
        known.complain = self._on_session_error
        self._rate.grant(SAID_AGAIN)
        known.go_on(self._outbox, self._wire, self._welcome(known, resumed=True), hello.last_seq)

    async def _known(self, hello: Hello) -> Conversation | None:
        """Who goes on: in this server's memory, or in a journal of another one."""
        if known := self._stage.conversations.get(hello.resume):
            return known
        with suppress(Refused, BadSetting):  # no place, or another network: it begins anew, and is told where it starts
            return await Conversation.revived(
                self._stage, self._wire, self._on_session_error, self._talk.caller, hello.resume, hello.last_seq
            )
        return None

    def _welcome(self, talk: Conversation, *, resumed: bool) -> Welcome:
        return Welcome(
            session=talk.session,
            server=tradefours_version(),
            model=self._stage.model,
            resume=talk.token,
            resumed=resumed,
            last_seq=talk.heard_seq if resumed else None,
        )

    def _deliver(self, message: Heard) -> None:
        talk = self._talk
        if talk.seat is None:
            raise Refused("not_started", f"expected start before {message.type}, got none")
        if isinstance(message, PlayedNote | Pedal) and message.part not in talk.parts:
            raise Refused("bad_part", f"expected a part of yours among {sorted(talk.parts)}, got {message.part}")
        self._stage.host.deliver(talk.seat, message, keeps_time=not talk.is_guest)
        talk.heard_seq = max(message.seq, talk.heard_seq or 0)
        if isinstance(message, PlayedNote):
            self._stage.gallery.show(WatchNote(session=talk.room, note=message))

    def _beat(self, beat: ClientHeartbeat) -> ServerHeartbeat:
        if beat.round_trip_ms is not None:
            self._stage.diary.round_trip.add(round(beat.round_trip_ms * 1e6))
        if self._talk.seat is None:
            return ServerHeartbeat(ping_ns=beat.ping_ns)
        return self._stage.host.heartbeat(self._talk.seat, beat, keeps_time=not self._talk.is_guest)

    # ---- to the client -----------------------------------------------------------------------------

    def _on_session_error(self, error: ErrorMessage) -> None:
        self._complain(error.code, error.reason, fatal=error.fatal)

    def _complain(self, code: str, reason: str, *, fatal: bool = False) -> None:
        self._talk.send(ErrorMessage(code=code, reason=reason, fatal=fatal))
        if fatal:
            self._stage.diary.client_refused(code, self._talk.session)
            self._outbox.end(CLOSE_CODES.get(code, BROKEN), reason)

    def _leave(self) -> None:
        if self._talk.outbox is not self._outbox:
            return  # it goes on elsewhere, or is over
        if self._is_lost:
            self._talk.wait()
        else:
            self._talk.outbox = None
            self._talk.leave("left" if self._outbox.code == LEFT else "sent_away")
