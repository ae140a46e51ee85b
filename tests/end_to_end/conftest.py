"""A server that all scenes share, the network that plays in it, and a browser."""

import os
from collections.abc import AsyncIterator, Iterator
from functools import partial

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from model.registry import shipped
from tests.end_to_end.browser import Open, launch, studio_page
from tests.end_to_end.programs import Server


@pytest.fixture(scope="session")
def model() -> str:
    """The network that ships, or another that TRADEFOURS_MODEL names; a checkout without weights has random ones."""
    return os.environ.get("TRADEFOURS_MODEL") or ("small" if "small" in shipped() else "tiny")


@pytest.fixture(scope="session")
def shared_server(model: str) -> Iterator[Server]:
    server = Server(model)
    yield server
    server.close()


@pytest.fixture
def server(shared_server: Server) -> Server:
    """It runs, whatever the test before did to it."""
    shared_server.start()
    return shared_server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await launch(playwright)
        yield browser
        await browser.close()


@pytest.fixture
def studio(browser: Browser, server: Server) -> Open:
    """A page of the studio, not yet opened."""
    return partial(studio_page, browser, f"http://127.0.0.1:{server.port}")
