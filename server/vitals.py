"""The server's own pulse, taken on the event loop: how late it wakes, and whether the engine keeps up. Logs the latter.

What nobody hears of becomes a stuck note; so an engine that is too slow says so, at most every ten seconds.
"""

import asyncio
import logging
import time
from typing import Final

from server.diary import say
from server.histogram import NS, Histogram
from server.host import SessionHost

EVERY_S: Final = 0.25
SAID_EVERY_NS: Final = 10 * NS


class Vitals:
    """Event loop only."""

    def __init__(self, host: SessionHost) -> None:
        self.lag = Histogram()
        self._host = host
        self._late = 0
        self._said_at: int | None = None

    async def watch(self) -> None:
        """As long as it runs."""
        while True:
            due = time.monotonic_ns() + round(EVERY_S * NS)
            await asyncio.sleep(EVERY_S)
            now = time.monotonic_ns()
            self.lag.add(max(0, now - due))
            self.look(now)

    def look(self, now: int) -> None:
        """Say that notes came too late, if any did since it was last said."""
        if self._said_at is not None and now - self._said_at < SAID_EVERY_NS:
            return
        health = self._host.health()
        if health.late > self._late:
            new, self._late, self._said_at = health.late - self._late, health.late, now
            busy = round(self._host.status().busy_share, 2)
            say(logging.WARNING, "engine slow", notes_too_late=new, rested=health.rested, busy=busy)
