"""The studio in a real browser: pages of it, and what one sees, hears and does there.

Knows the page's elements and the object `tradefours`, which the page offers to whoever wants to look inside.
"""

import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.async_api import Browser, BrowserContext, Page, Playwright

CHROMIUM: Final = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS: Final = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS: Final = 20_000  # for what should come at once: a busy machine is no bug
SMALL: Final = {"width": 1024, "height": 480}  # pixels are painted by the processor: fewer leave it to the tests
FAKE_MIDI: Final = Path(__file__).with_name("web_midi.js")


async def launch(playwright: Playwright) -> Browser:
    if CHROMIUM is None:
        pytest.skip("needs a browser: no chromium here (on Debian: apt install chromium)")
    root = ["--no-sandbox"] if hasattr(os, "getuid") and os.getuid() == 0 else []
    return await playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=[*FLAGS, *root])


Open = Callable[..., AbstractAsyncContextManager["Studio"]]


class Studio:
    """One page of the studio."""

    def __init__(self, page: Page, home: str) -> None:
        self.page = page
        self.asked: list[str] = []  # every address that the page asked for
        self.troubles: list[str] = []  # what it threw, or complained of
        self._home = home
        page.set_default_timeout(PATIENCE_MS)
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("websocket", lambda socket: self.asked.append(socket.url))
        page.on("pageerror", lambda error: self.troubles.append(str(error)))

    async def open(self, link: str = "") -> None:
        """Loaded, and ready to be started."""
        await self.page.goto(f"{self._home}/#{link}")
        await self.page.wait_for_selector("#play:enabled")

    async def start(self, link: str = "") -> None:
        """Opened, its sound on, connected."""
        await self.open(link)
        await self.page.click("#play")
        await self.until("session.connection.link === 'on'")

    async def look(self, expression: str) -> Any:
        """An expression over `session`, `roll`, `keys` and `view`."""
        return await self.page.evaluate(_function(expression))

    async def until(self, condition: str) -> None:
        await self.page.wait_for_function(_function(condition), polling=20)

    async def type(self, letters: str, each_ms: int = 150) -> None:
        """Letters on the computer's keyboard, one after the other."""
        for letter in letters:
            await self.page.keyboard.press(letter, delay=each_ms)

    async def machine_sounds(self) -> None:
        await self.until("session.sound?.level('machine') > 0.003")

    async def machine_is_silent(self) -> None:
        await self.until("session.sound.level('machine') < 0.0005")


def _function(expression: str) -> str:
    return f"() => {{ const {{session, roll, keys, view}} = tradefours; return {expression}; }}"


@asynccontextmanager
async def studio_page(browser: Browser, home: str, **options: Any) -> AsyncIterator[Studio]:
    """A page in a profile of its own. Nothing may have gone wrong in it."""
    context: BrowserContext = await browser.new_context(**{"viewport": SMALL, **options})
    try:
        studio = Studio(await context.new_page(), home)
        yield studio
        assert studio.troubles == []
    finally:
        await context.close()
