"""How many connections a caller may have, and how much may be said in a second. Knows no message and no route."""

import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Final, Literal

from starlette.types import ASGIApp, Receive, Scope, Send

from server.door import caller_of
from server.rest.problems import Problem

BYTES: Final = 1024  # so many of a message count as one message more
BURST_S: Final = 2.0  # so much of the allowance may be used at once

SOCKETS: Final = 384  # WebSockets at once: the rest of all connections is left to HTTP
SOCKETS_EACH: Final = 128  # of them one caller's

REST: Final = "/v1/"
ASKING: Final = ("POST", "/v1/generations")
CALLERS: Final = 1024  # the newest so many are remembered: who was forgotten has all of his allowance

Pace = Literal["fine", "fast", "too_fast"]


class Rate:
    """A bucket that fills with `per_s` messages a second, up to two seconds' worth. Half empty is a warning, once
    until it is full again; empty is the end. Knows no clock: `now` is an argument, in seconds."""

    def __init__(self, per_s: int, now: float) -> None:
        self._per_s = per_s
        self._most = self._left = per_s * BURST_S
        self._at = now
        self._has_warned = False

    def take(self, size: int, now: float) -> Pace:
        """A message of so many bytes has come."""
        self._left = min(max(self._left, self._most), self._left + (now - self._at) * self._per_s)
        self._at = now
        if self._left >= self._most:
            self._has_warned = False
        self._left -= 1 + size // BYTES
        if self._left < 0:
            return "too_fast"
        if self._left < self._most / 2 and not self._has_warned:
            self._has_warned = True
            return "fast"
        return "fine"

    def grant(self, messages: int) -> None:
        """So many more, once: a client that was cut off says again what may not have been heard."""
        self._left += messages


class Turnstile:
    """ASGI middleware: bounds the open WebSockets, in all and of each caller. `most` are those that can be of use."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app = app
        self._each = max(SOCKETS_EACH, most)
        self._all = max(SOCKETS, 2 * most)
        self._open = Counter[str]()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await self._app(scope, receive, send)
            return
        caller = caller_of(scope)
        if problem := self._refusal(caller):
            await problem.response()(scope, receive, send)
            return
        self._open[caller] += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._open[caller] -= 1
            self._open += Counter()  # forget who has none

    def _refusal(self, caller: str) -> Problem | None:
        if self._open[caller] >= self._each:
            reason = f"expected at most {self._each} WebSockets of one caller, got one more"
            return Problem(429, "full", reason, retry_after="10")
        if self._open.total() >= self._all:
            reason = f"expected at most {self._all} WebSockets, got one more"
            return Problem(503, "unavailable", reason, retry_after="10")
        return None


class Requests:
    """ASGI middleware: bounds the requests of each caller in a second. And where `no_room` has a reason, a generation
    is refused before anything of it is read: a refusal must cost less than what is refused.
    """

    def __init__(self, app: ASGIApp, per_s: int, no_room: Callable[[str], Problem | None]) -> None:
        self._app = app
        self._per_s = per_s
        self._no_room = no_room
        self._rates = OrderedDict[str, Rate]()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        problem = None
        if scope["type"] == "http" and scope["path"].startswith(REST):
            problem = self._refusal(caller_of(scope), (scope["method"], scope["path"]))
        await (problem.response() if problem else self._app)(scope, receive, send)

    def _refusal(self, caller: str, asked: tuple[str, str]) -> Problem | None:
        now = time.monotonic()
        rate = self._rates.setdefault(caller, Rate(self._per_s, now))
        self._rates.move_to_end(caller)
        if len(self._rates) > CALLERS:
            self._rates.popitem(last=False)
        if rate.take(0, now) == "too_fast":
            reason = f"expected at most {self._per_s} requests a second in the long run, got more"
            return Problem(429, "too_fast", reason, retry_after="1")
        return self._no_room(caller) if asked == ASKING else None
