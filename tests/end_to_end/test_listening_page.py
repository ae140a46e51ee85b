"""A listening test in a real browser, from its folder: done by keyboard alone, blind, random, and kept."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, Page, expect

from music.files import save_midi
from music.score import Note, Part, Score
from music.time import Tick
from server.listening_kit import Source, build, key_path, read_key
from server.listening_test import QUESTION
from server.synth import can_render
from tests.end_to_end.browser import PATIENCE_MS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(not can_render(), reason="needs fluidsynth and a sound font"),
]

PAIRS = 3
SECOND = "Which one is livelier?"


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clips of half a second: they are heard when they have ended."""
    folder = tmp_path_factory.mktemp("listening")
    for who, low in (("ours", 60), ("theirs", 72)):
        (folder / who).mkdir()
        for i in range(PAIRS):
            tune = Score((Part(0),), tuple(Note(Tick(k * 120), 0, low + i + k, 80, 120) for k in range(4)))
            save_midi(tune, folder / who / f"tune-{i}.mid")
    source = Source(folder / "ours", folder / "theirs", None)
    build(source, folder / "kit", "Ears", [QUESTION, SECOND], source.names(), lambda: None)
    return folder / "kit"


async def opened(context: BrowserContext, kit: Path) -> tuple[Page, list[str]]:
    page = await context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: asked.append(f"error: {error}"))
    await page.goto((kit / "index.html").as_uri())
    await page.wait_for_selector("h2")
    return page, asked


async def hear_and_answer(page: Page, keys: str) -> None:
    for clip in "12":
        await page.keyboard.press(clip)
        await expect(page.get_by_text("heard", exact=True)).to_have_count(int(clip), timeout=PATIENCE_MS)
    for key in keys:
        await page.keyboard.press(key)
    await expect(page.get_by_role("status")).to_have_text("Enter leads on.")


async def begin(page: Page) -> None:
    await expect(page.get_by_role("heading", level=2)).to_be_focused(timeout=PATIENCE_MS)
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=2)).to_have_text(f"Pair 1 of {PAIRS}")


async def test_a_whole_test_by_keyboard_alone(browser: Browser, kit: Path, tmp_path: Path) -> None:
    context = await browser.new_context()
    page, asked = await opened(context, kit)
    seed = -1
    await begin(page)
    await expect(page.get_by_role("radio").first).to_be_disabled()
    await page.keyboard.press("q")  # nothing was heard: no answer
    for number in range(1, PAIRS + 1):
        await expect(page.get_by_role("heading", level=2)).to_have_text(f"Pair {number} of {PAIRS}")
        await hear_and_answer(page, "qe" if number < PAIRS else "ww")
        content = await page.content()
        assert not any(word in content for word in ("ours", "theirs", "tune-", ".wav", ".mid"))
        await page.keyboard.press("Enter")
        if number == 1:  # who closes the page goes on where they were
            await expect(page.get_by_role("heading", level=2)).to_have_text(f"Pair 2 of {PAIRS}")
            seed = await kept(page, "seed")
            await page.close()
            page, more = await opened(context, kit)
            asked += more
    await expect(page.get_by_role("heading", level=2)).to_have_text("That was all. Thank you!")
    await expect(page.get_by_role("heading", level=2)).to_be_focused()
    other = page.get_by_role("button", name="Another listener")
    await expect(other).to_be_disabled()
    await page.keyboard.press("Tab")
    async with page.expect_download() as download:
        await page.keyboard.press("Enter")
    await (await download.value).save_as(tmp_path / "result.json")
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["seed"] == seed
    assert str(seed) in await page.inner_text("#test")
    await other.click()
    assert await kept(page, "answers") == {}
    assert await kept(page, "seed") != seed
    key = read_key(key_path(kit))
    assert result["test"] == key.test
    assert {answer["pair"] for answer in result["answers"]} == set(key.files)
    by_question = {q: [a for a in result["answers"] if a["question"] == q] for q in (QUESTION, SECOND)}
    for question, place in ((QUESTION, 0), (SECOND, 1)):
        assert [a["better"] for a in by_question[question]] == [
            None if i == PAIRS - 1 else a["clips"][place] for i, a in enumerate(by_question[question])
        ]
    assert [address for address in asked if not address.startswith(kit.as_uri())] == []
    await context.close()


async def kept(page: Page, field: str) -> Any:
    return await page.evaluate(f"JSON.parse(localStorage.getItem(`tradefours listening-test ${{TEST.id}}`)).{field}")


async def test_listeners_have_other_seeds_and_over_many_seeds_the_order_is_even(browser: Browser, kit: Path) -> None:
    seeds = set()
    for _ in range(2):
        context = await browser.new_context()
        page, _ = await opened(context, kit)
        seeds.add(await kept(page, "seed"))
        orders = await page.evaluate("Array.from({length: 2000}, (_, seed) => orderOf(seed))")
        await context.close()
    assert len(seeds) == 2
    clips = read_key(key_path(kit)).clips
    first = Counter(order[0]["id"] for order in orders)
    assert all(0.28 < first[pair] / 2000 < 0.38 for pair in first)
    assert len(first) == PAIRS
    for place in range(PAIRS):
        ours_first = sum(clips[order[place]["clips"][0]] == "a" for order in orders)
        assert 0.45 < ours_first / 2000 < 0.55


async def test_it_shuts_nobody_out(browser: Browser, kit: Path) -> None:
    for scheme in ("light", "dark"):
        context = await browser.new_context(color_scheme=scheme)
        page, _ = await opened(context, kit)
        found = [await Axe().run(page)]
        await begin(page)
        await hear_and_answer(page, "qe")
        found.append(await Axe().run(page))
        assert [each.response["violations"] for each in found] == [[], []]
        await context.close()
