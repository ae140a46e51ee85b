"""Who may come in: whoever shows a key, where the server has any. Knows no route but those that are open to all.

A program shows its key as `Authorization: Bearer KEY`. A browser's WebSocket can set no header: there a subprotocol
that is offered beside the real one holds it. Of the keys themselves only digests are kept, and none is ever logged.
"""

from base64 import urlsafe_b64decode
from binascii import Error as BadBase64
from collections.abc import Iterable
from hashlib import sha256
from hmac import compare_digest
from typing import Any, Final

from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from clients.access import AccessKey
from server.rest.problems import PROBLEM, Problem, ProblemDetails

KEY_PROTOCOL: Final = "tradefours.key."  # and the key in base64url, without its padding
OPEN: Final = "/health"
NOBODY: Final = "somebody"  # a caller without key or address


class Keys:
    def __init__(self, keys: Iterable[AccessKey]) -> None:
        self._names = [(_digest(key.secret), key.name) for key in keys]

    def __bool__(self) -> bool:
        return bool(self._names)

    def owner(self, secret: str) -> str | None:
        """Whose key this is. It takes as long for every key, right or wrong."""
        digest, owner = _digest(secret), None
        for known, name in self._names:
            if compare_digest(known, digest):
                owner = name
        return owner


class Door:
    """ASGI middleware. `open_paths` need no key: what a page is made of. Who came in is told by `caller_of`."""

    def __init__(self, app: ASGIApp, keys: Keys, open_paths: frozenset[str]) -> None:
        self._app = app
        self._keys = keys
        self._open = open_paths | {OPEN}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan" and (problem := self._refusal(scope)):
            await problem.response()(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> Problem | None:
        shown = _shown(scope)
        client = scope.get("client")
        scope["tradefours.caller"] = client[0] if client else NOBODY
        if not self._keys:
            return None
        owner = None if shown is None else self._keys.owner(shown)
        if owner is not None:
            scope["tradefours.caller"] = owner
        elif scope["type"] == "websocket" or scope["path"] not in self._open:
            return _no_key(shown is not None)
        return None


def caller_of(scope: Scope) -> str:
    """The name of the key that was shown; where the server has none, the address."""
    caller: str = scope["tradefours.caller"]
    return caller


def document_keys(app: FastAPI, keys: Keys) -> None:
    """In the OpenAPI document: each route but the open one wants a key, and says 401 without."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = plain()
            document.setdefault("components", {})["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
            schema = {"schema": ProblemDetails.model_json_schema()}
            refusal = {"description": "A key is wanted, and was not shown.", "content": {PROBLEM: schema}}
            for path, about in document["paths"].items():
                for operation in about.values() if path != OPEN else ():
                    operation["security"] = [{"key": []}]
                    operation["responses"]["401"] = refusal
        return plain()

    if keys:
        app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to change the document


def _no_key(is_wrong: bool) -> Problem:
    got = "another" if is_wrong else "none"
    challenge = 'Bearer realm="tradefours"' + ', error="invalid_token"' * is_wrong
    return Problem(401, "no_key", f"expected a key of this server, got {got}", www_authenticate=challenge)


def _shown(scope: Scope) -> str | None:
    """The key that came along, if any. What carried it is taken away: nothing behind the door need see it."""
    offered = scope.get("subprotocols") or []
    scope["subprotocols"] = [each for each in offered if not each.startswith(KEY_PROTOCOL)]
    kind, _, secret = Headers(scope=scope).get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return secret.strip()
    packed = next((each.removeprefix(KEY_PROTOCOL) for each in offered if each.startswith(KEY_PROTOCOL)), None)
    return None if packed is None else _unpacked(packed)


def _unpacked(packed: str) -> str:
    try:
        return urlsafe_b64decode(packed + "=" * (-len(packed) % 4)).decode()
    except (BadBase64, ValueError):
        return ""  # nobody's key


def _digest(secret: str) -> bytes:
    return sha256(secret.encode(errors="surrogateescape")).digest()
