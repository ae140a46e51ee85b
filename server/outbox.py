"""Messages on their way to one WebSocket, in order, and how the connection ends. Knows no message's meaning.

Overflow rule: at most `limit` messages wait. A client that lets more pile up does not read: what waits is thrown
away and the connection ends with code 4008, because late notes are worse than none.
"""

import asyncio
from collections import deque
from typing import Final

from starlette.websockets import WebSocket, WebSocketDisconnect

LEFT: Final = 1000
TOO_SLOW: Final = 4008
LONGEST_REASON: Final = 120  # bytes; a close frame holds 123


class Outbox:
    """Event loop only. `put` and `end` never block."""

    def __init__(self, websocket: WebSocket, limit: int) -> None:
        self.ended = asyncio.Event()  # nothing more will be put
        self._websocket = websocket
        self._limit = limit
        self._waiting: deque[str | bytes] = deque()
        self._news = asyncio.Event()
        self._is_gone = False  # the client
        self.code = LEFT  # that it closes, or has closed, with
        self._reason = ""

    @property
    def has_room(self) -> bool:
        """For what can wait, as it can be told later in fewer words."""
        return len(self._waiting) < self._limit // 2

    def put(self, frame: str | bytes) -> None:
        if self.ended.is_set() or self._is_gone:
            return
        if len(self._waiting) >= self._limit:
            self._waiting.clear()
            self.end(TOO_SLOW, f"expected a client that reads, got {self._limit} messages unread")
            return
        self._waiting.append(frame)
        self._news.set()

    def end(self, code: int, reason: str = "") -> None:
        """Close the connection after what waits. The first end is the one that counts."""
        if self.ended.is_set():
            return
        self.code = code
        self._reason = reason.encode()[:LONGEST_REASON].decode(errors="ignore")
        self.ended.set()
        self._news.set()

    async def run(self) -> None:
        """Send until the end, or until the client is gone: how it went, who listens to it knows, and has to say."""
        try:
            while not await self._sent_all():
                await self._news.wait()
                self._news.clear()
            await self._websocket.close(self.code, self._reason)
        except (WebSocketDisconnect, RuntimeError):  # starlette's ways to say that the client has left
            self._is_gone = True
            self._waiting.clear()

    async def _sent_all(self) -> bool:
        while self._waiting:
            frame = self._waiting.popleft()
            if isinstance(frame, str):
                await self._websocket.send_text(frame)
            else:
                await self._websocket.send_bytes(frame)
        return self.ended.is_set()
