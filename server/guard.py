"""Which names we answer to, and whose pages may ask. Knows no route and no key.

A page of another site must reach a musician's machine neither by WebSocket or a form that it posts (Origin), nor
through a name that it points at our address (Host).
"""

import socket
from collections.abc import Iterable
from ipaddress import ip_address
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


class Names:
    """What a request may call us. Where others can reach us, by any address too: a page can point names alone at us."""

    def __init__(self, host: str, *, is_public: bool, more: Iterable[str] = ()) -> None:
        machine = socket.gethostname().lower()
        ours = {machine, f"{machine}.local"} if is_public else set()
        self._names = LOOPBACK_NAMES | ours | {host.lower(), *more}
        self._is_public = is_public

    def __contains__(self, host: str) -> bool:
        name = _name(host)
        return name in self._names or (self._is_public and _is_address(name))

    def __str__(self) -> str:
        return ", ".join(sorted(self._names)) + (" and any address" if self._is_public else "")


class Guard:
    """ASGI middleware. `origins`: other sites whose pages may do what ours may."""

    def __init__(self, app: ASGIApp, names: Names, origins: frozenset[str] = frozenset()) -> None:
        self._app = app
        self._names = names
        self._origins = origins

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
        if host not in self._names:
            return f"expected a Host among {self._names}, got {host!r}: --allow-host adds one"
        changes = scope["type"] == "websocket" or scope["method"] not in READING
        if changes and origin is not None and not self._may_ask(origin.lower(), host.lower()):
            return f"expected a page of this server or no Origin, got {origin!r}: --allow-origin adds one"
        return None

    def _may_ask(self, origin: str, host: str) -> bool:
        return origin.partition("://")[2] == host or origin in self._origins


def _name(host: str) -> str | None:
    """The name in a Host header, without its port."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def _is_address(name: str | None) -> bool:
    try:
        return ip_address(name or "") is not None
    except ValueError:
        return False
