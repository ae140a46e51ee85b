"""What a client may do to us below HTTP and WebSocket messages. Knows no route and no message.

uvicorn waits for ever for the head of a first request, answers pings whether or not the answers are read, and
collects pieces of a message whatever their number. Here each has a bound.
"""

from asyncio import TimerHandle, Transport
from typing import Any, Final

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

HEAD_S: Final = 10.0  # a request's first line and headers come within this time
LARGEST_HEAD: Final = 64 * 2**10
MOST_HEADERS: Final = 256
MOST_UNREAD: Final = 256 * 2**10  # bytes that wait for a client that does not read
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

    async def send(self, message: ASGISendEvent) -> None:
        await super().send(message)
        if self.close_sent:  # uvicorn forgets this where the answer is a refusal, and logs an error of its own
            self.handshake_complete = True

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.transport.get_write_buffer_size() > MOST_UNREAD:
            self.transport.abort()

    def handle_parser_exception(self) -> None:
        """Say why, and read on for a while: who closes on what is unread resets, and the word is lost on the way."""
        if self.close_sent or self.conn.close_sent is None:
            return
        code, reason = self.conn.close_sent.code, self.conn.close_sent.reason
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.transport.write_eof()
        self.close_sent = True
        self.transport.resume_reading()
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.close)

    def handle_cont(self, event: Frame) -> None:
        super().handle_cont(event)
        if len(self.frames) > MOST_PIECES and not self.close_sent:
            self.frames = []
            self.conn.fail(1009, f"expected a message in at most {MOST_PIECES} pieces")
            self.handle_parser_exception()
