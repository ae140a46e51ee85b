"""The studio of a server that wants a key: it asks for it, says when it is wrong, and keeps it for its tab."""

import pytest
from playwright.async_api import Browser

from tests.end_to_end.browser import studio_page
from tests.end_to_end.test_studio import no_serious_finding
from tests.server.running import run_server

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

KEY = "k" * 12 + "+/=~?>"


async def test_the_page_asks_for_the_key_and_keeps_it_for_its_tab(browser: Browser) -> None:
    with run_server(key=KEY, start_timeout_s=1.0) as server:
        async with studio_page(browser, server.http) as page:
            await page.page.goto(f"{server.http}/")
            await page.page.wait_for_selector("text=This server wants a key")
            await no_serious_finding(page)
            for wrong in ("asdf", "schlüssel", KEY + "x"):
                await page.page.fill("#key", wrong)
                await page.page.keyboard.press("Enter")
                await page.page.wait_for_selector("text=This server does not know that key.")
            await page.page.fill("#key", f" {KEY} ")
            await page.page.click("text=Come in")
            await page.page.click("#play:enabled")
            await page.until("session.connection.link === 'on' && session.watch.status?.model === 'fake'")

            first = await page.look("session.connection.session")  # who does not play for long is sent away: and back
            await page.until(f"session.connection.link === 'on' && session.connection.session !== '{first}'")
            assert await page.look("session.notice") == ""

            await page.page.reload()
            await page.page.click("#play:enabled")
            await page.until("session.connection.link === 'on'")
            assert not [address for address in page.asked if "kkkk" in address]
        async with studio_page(browser, server.http) as other:
            await other.page.goto(f"{server.http}/")
            await other.page.wait_for_selector("text=This server wants a key")
