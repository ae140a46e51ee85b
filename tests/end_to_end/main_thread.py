"""What a page's main thread computed, and how long it waited for a processor that others had: the kernel's own account.

Knows Linux alone, and asks often enough to tell a frame that the page itself held up from one that the machine did.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from playwright.async_api import Page

EACH_S: Final = 0.02


class Spent(NamedTuple):
    """Milliseconds of a stretch of time."""

    all: float
    computed: float
    queued: float  # ready, and without a processor


@dataclass(frozen=True, slots=True)
class MainThread:
    """Its times are the page's own, of `performance.now()`."""

    account: Path
    zero_ms: float  # the page's time minus ours
    samples: list[tuple[float, float, float]]

    @staticmethod
    @asynccontextmanager
    async def of(page: Page) -> AsyncIterator["MainThread"]:
        """Watched until the block ends. The page must be the busiest of its browser."""
        pid = await _busiest(page)
        before = time.monotonic()
        now: float = await page.evaluate("performance.now()")
        zero_ms = now - 500 * (before + time.monotonic())
        thread = MainThread(Path(f"/proc/{pid}/task/{pid}/schedstat"), zero_ms, [])
        watching = asyncio.create_task(thread._watch())
        try:
            yield thread
        finally:
            watching.cancel()

    def spent(self, stretches: Iterable[tuple[float, float]]) -> list[Spent]:
        """Stretches have a beginning and an end."""
        times, computed, queued = np.array(self.samples).T

        def within(account: np.ndarray, since: float, until: float) -> float:
            return float(np.interp(until, times, account) - np.interp(since, times, account))

        return [
            Spent(until - since, within(computed, since, until), within(queued, since, until))
            for since, until in stretches
        ]

    async def _watch(self) -> None:
        while True:
            computed, queued, _ = self.account.read_text().split()
            self.samples.append((1000 * time.monotonic() + self.zero_ms, int(computed) / 1e6, int(queued) / 1e6))
            await asyncio.sleep(EACH_S)


async def _busiest(page: Page) -> int:
    browser = page.context.browser
    assert browser is not None
    session = await browser.new_browser_cdp_session()
    told: dict[str, Any] = await session.send("SystemInfo.getProcessInfo")
    await session.detach()
    pages = [each for each in told["processInfo"] if each["type"] == "renderer"]
    return int(max(pages, key=lambda each: float(each["cpuTime"]))["id"])
