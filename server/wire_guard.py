"""What a client may do to us below HTTP and WebSocket messages. Knows no route and no message.

uvicorn waits for ever for the head of a first request, answers pings whether or not the answers are read, collects
pieces of a message whatever their number, and reads all that one client has sent, 250 KB of it, before anybody else
has a turn: tens of thousands of tiny frames, while music waits. Here each has a bound.
"""

from asyncio import TimerHandle, Transport, sleep
from typing import Any, Final

from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Close, Frame

from server.limits import Rate

HEAD_S: Final = 10.0  # a request's first line and headers come within this time
LARGEST_HEAD: Final = 64 * 2**10
MOST_HEADERS: Final = 256
SLICE: Final = 2048  # bytes of one client that are read before others have their turn
CONTROLS_PER_S: Final = 20  # pings and pongs
LINGER_S: Final = 1.0  # a client has this long to take our last word
MOST_PIECES: Final = 256  # of one WebSocket message


class GuardedHttp(HttpToolsProtocol):
    _timer: TimerHandle | None = None
    _head_bytes: int = 0
    _in_head = True

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_here()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > LARGEST_HEAD:
            self.transport.abort()

    def on_message_begin(self) -> None:
        if not self._in_head:
            self._expect_head()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._head_is_here()
        super().on_headers_complete()

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        if len(self.headers) > MOST_HEADERS:  # those that follow a body, too
            self.transport.abort()

    def _expect_head(self) -> None:
        self._in_head = True
        self._timer = self.loop.call_later(HEAD_S, self.transport.abort)

    def _head_is_here(self) -> None:
        self._in_head, self._head_bytes = False, 0
        if self._timer is not None:
            self._timer.cancel()


class GuardedWebSocket(WebSocketsSansIOProtocol):
    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.close_timeout = LINGER_S
        self._unparsed = bytearray()
        self._controls = Rate(CONTROLS_PER_S, self.loop.time())

    async def send(self, message: ASGISendEvent) -> None:
        await super().send(message)
        if self.close_sent:  # uvicorn forgets this where the answer is a refusal, and logs an error of its own
            self.handshake_complete = True

    async def receive(self) -> ASGIReceiveEvent:
        message = await super().receive()
        self._parse()
        if not self.queue.empty():
            await sleep(0)  # others first
        return message

    def data_received(self, data: bytes) -> None:
        self._unparsed += data
        self._parse()

    def _parse(self) -> None:
        """A slice, if the app has had what was in the slice before; then others have their turn."""
        if self.close_sent:
            del self._unparsed[SLICE:]  # it only matters whether the client agrees
        if self._unparsed and not self.read_paused:
            now = bytes(self._unparsed[:SLICE])
            del self._unparsed[:SLICE]
            super().data_received(now)
            if self._unparsed:
                self.loop.call_soon(self._parse)

    def handle_parser_exception(self) -> None:
        if not self.close_sent and self.conn.close_sent:
            self._take_leave(self.conn.close_sent)

    def handle_close(self, event: Frame) -> None:
        if not self.close_sent and self.conn.close_rcvd:
            self._take_leave(self.conn.close_rcvd)
        else:
            self._say_no_more()

    def _take_leave(self, close: Close) -> None:
        """Say why, and read on for a while: who closes on what is unread resets, and the word is lost on the way."""
        self.queue.put_nowait({"type": "websocket.disconnect", "code": close.code, "reason": close.reason})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.close)
        self._say_no_more()

    def _say_no_more(self) -> None:
        self.stop_keepalive()
        if not self.transport.is_closing():
            self.transport.write_eof()
            self.transport.resume_reading()

    def handle_cont(self, event: Frame) -> None:
        super().handle_cont(event)
        if len(self.frames) > MOST_PIECES:
            self._give_up(1009, f"expected a message in at most {MOST_PIECES} pieces")

    def handle_ping(self) -> None:
        if self._is_patient():
            super().handle_ping()
        else:
            self.conn.data_to_send()  # nobody waits for the answer

    def handle_pong(self, event: Frame) -> None:
        if self._is_patient():
            super().handle_pong(event)

    def _is_patient(self) -> bool:
        """With frames that say nothing."""
        if self._controls.take(0, self.loop.time()) == "too_fast":
            self._give_up(1008, f"expected at most {CONTROLS_PER_S} pings a second, got more")
        return not self.close_sent

    def send_receive_event_to_app(self) -> None:
        """uvicorn would log what is no UTF-8 as if it were a mistake of its own, once for each client that likes."""
        try:
            if self.curr_msg_data_type == "text":
                b"".join(self.frames).decode()
        except UnicodeDecodeError:
            self._give_up(1007, "expected UTF-8")
        else:
            super().send_receive_event_to_app()

    def _give_up(self, code: int, reason: str) -> None:
        self.frames = []
        if not self.close_sent:
            self.conn.fail(code, reason)
            self.handle_parser_exception()
