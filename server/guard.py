"""Who may knock at all, and what a browser may do with the answer. Knows no route.

A page of another site must reach a musician's machine neither by WebSocket or a form that it posts (Origin), nor
through a name that it points at 127.0.0.1 (Host).
"""

from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.rest.problems import Problem

READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
LOOPBACK_NAMES: Final = frozenset({"127.0.0.1", "::1", "localhost"})
SECURITY_HEADERS: Final = {
    # WebAssembly, of our own files alone: the studio's synthesizer unpacks its sounds with it. No eval, nothing inline.
    "content-security-policy": "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}


class Guard:
    """ASGI middleware. `names` are the hosts that requests may call us by; None takes any."""

    def __init__(self, app: ASGIApp, names: frozenset[str] | None) -> None:
        self._app = app
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        objection = self._objection(scope)
        if objection:
            problem = Problem(403, "forbidden", objection).response()
            await problem(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(SECURITY_HEADERS)
            await send(message)

        await self._app(scope, receive, send_guarded)

    def _objection(self, scope: Scope) -> str | None:
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        if self._names is not None and _name(host) not in self._names:
            return f"expected a Host among {', '.join(sorted(self._names))}, got {host!r}"
        changes = scope["type"] == "websocket" or scope["method"] not in READING
        if changes and origin is not None and origin.lower().partition("://")[2] != host.lower():
            return f"expected a page of this server or no Origin, got {origin!r}"
        return None


def _name(host: str) -> str | None:
    """The name in a Host header, without its port."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None
