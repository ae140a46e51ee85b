"""What comes to the door: how much of it is inside, and how each was answered. Knows no route's meaning.

Keys are bounded: statuses that servers send, and the close codes below; what a client may make up counts as `other`.
"""

from collections import Counter
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

LIVE, WATCH, HTTP = "live", "watch", "http"
SOCKETS: Final = {"/v1/live": LIVE, "/v1/watch": WATCH}
CLOSE_CODES: Final = frozenset({1000, 1001, 1002, 1005, 1006, 1007, 1009, 1011, 1012, 1013, 4008, 4401, 4403, 4408})
OTHER: Final = "other"


class Traffic:
    """Event loop only."""

    def __init__(self) -> None:
        self.inside = dict.fromkeys((LIVE, WATCH, HTTP), 0)
        self.statuses = Counter[str]()  # of HTTP answers, and of sockets that were refused
        self.closes = Counter[str]()  # of sockets


class Counted:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, traffic: Traffic) -> None:
        self._app = app
        self._traffic = traffic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        kind = SOCKETS.get(scope["path"], HTTP) if scope["type"] == "websocket" else HTTP
        inside, is_closed = self._traffic.inside, False

        def closed(code: int) -> None:
            nonlocal is_closed
            if not is_closed:
                is_closed = True
                self._traffic.closes[str(code) if code in CLOSE_CODES else OTHER] += 1

        async def received() -> Message:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                closed(message.get("code", 1005))
            return message

        async def sent(message: Message) -> None:
            match message["type"]:
                case "http.response.start" | "websocket.http.response.start":
                    self._traffic.statuses[str(message["status"])] += 1
                case "websocket.close":
                    closed(message.get("code", 1000))
            await send(message)

        inside[kind] += 1
        try:
            await self._app(scope, received, sent)
        finally:
            inside[kind] -= 1
