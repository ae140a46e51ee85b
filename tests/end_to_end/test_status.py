"""The page at /status in a real browser: what it shows is so, and a key is asked for where one is wanted."""

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, expect

from tests.end_to_end.browser import PATIENCE_MS
from tests.server.running import Running, heard, run_server, say

pytestmark = pytest.mark.asyncio(loop_scope="session")

KEY = "0123456789abcdef"


async def opened(browser: Browser, running: Running) -> Page:
    page = await browser.new_page()
    page.set_default_timeout(PATIENCE_MS)
    await page.goto(f"{running.http}/status")
    return page


async def number(page: Page, name: str, value: str) -> None:
    """The page comes to show it."""
    row = page.locator("dl div").filter(has=page.get_by_text(name, exact=True))
    await expect(row.locator("dd")).to_have_text(value, timeout=PATIENCE_MS)


async def test_it_shows_who_plays_and_says_when_nobody_can(browser: Browser) -> None:
    with run_server() as running:
        page = await opened(browser, running)
        await expect(page.get_by_role("status")).to_have_text("Ready", timeout=PATIENCE_MS)
        await number(page, "Sessions", "0 of 4")
        await number(page, "Reaction p95", "none yet")
        async with running.playing(mode="duet") as player:
            await number(page, "Sessions", "1 of 4")
            await say(player, type="note", tick=0, pitch=60, velocity=80)
            await heard(player, "plan")
            await number(page, "Network", "fake")
            await expect(page.locator("dl")).not_to_contain_text("none yet", timeout=PATIENCE_MS)
        results = await Axe().run(page)
        assert results.response["violations"] == []
        running.stage.is_closing = True
        told = page.get_by_role("status")
        await expect(told).to_have_text("Not ready: the server is stopping", timeout=PATIENCE_MS)
    await expect(told).to_have_text("The server does not answer.", timeout=PATIENCE_MS)
    await page.close()


async def test_a_server_with_a_key_shows_its_numbers_to_who_has_it(browser: Browser) -> None:
    with run_server(key=KEY) as running:
        page = await opened(browser, running)
        told = page.get_by_role("status")
        await expect(told).to_have_text("This server wants a key.", timeout=PATIENCE_MS)
        for key, answer in (("another-key-of-16", "This is not a key of this server."), (KEY, "Ready")):
            await page.get_by_label("Key of this server").fill(key)
            await page.get_by_role("button", name="Show").click()
            await expect(told).to_have_text(answer, timeout=PATIENCE_MS)
        await expect(page.get_by_label("Key of this server")).to_be_hidden()
        await number(page, "Sessions", "0 of 4")
        await page.close()
