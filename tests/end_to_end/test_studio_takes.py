"""What was played in the studio is kept in the browser: heard again, named, saved as notes and as sound."""

import asyncio
import wave
from pathlib import Path

import numpy as np
import pytest

from music.files import read_midi
from tests.end_to_end.browser import Open, Studio

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

SILENT = 30 / 32768
LOUD = 0.01


async def one_set(page: Studio, letters: str = "adgk") -> None:
    """A short one, with an answer."""
    await page.type(letters, each_ms=100)
    await page.machine_sounds()
    await page.page.keyboard.down("k")
    await page.page.keyboard.press("Space")
    await page.until("!session.plays && session.takes.list.length > 0")
    await page.page.keyboard.up("k")  # after the end: the note ended with the set


async def saved(page: Studio, selector: str, path: Path) -> bytes:
    async with page.page.expect_download() as download:
        await page.page.click(selector)
    await (await download.value).save_as(path)
    return path.read_bytes()


async def test_a_take_is_kept_over_a_reload_heard_again_named_saved_and_deleted(studio: Open, tmp_path: Path) -> None:
    async with studio() as page:
        await page.start("mode=duet&seed=5")
        await one_set(page)
        before = await saved(page, "[title^='Save the set as a MIDI']", tmp_path / "before.mid")
        assert await page.look("session.notes.settle(1e9) ?? session.notes.near.length") == 0
        assert await saved(page, "[title^='Save the set as a MIDI']", tmp_path / "settled.mid") == before
        await page.page.fill("[aria-label='Name of the take']", "First try")
        await page.page.press("[aria-label='Name of the take']", "Enter")
        await page.page.reload()
        await page.page.wait_for_selector("[aria-label='Play First try']:enabled")
        assert await page.look("session.takes.list[0].settings.seed") == 5
        assert await saved(page, "[aria-label='Save First try as a MIDI file']", tmp_path / "after.mid") == before
        await page.page.wait_for_selector("#play:enabled")
        seen = page.until(f"view().notes.all.length === {len(read_midi(before).notes)}")
        heard = asyncio.gather(page.until("session.sound?.level('human') > 0.003"), page.machine_sounds(), seen)
        await page.page.click("[aria-label='Play First try']")
        await heard
        await page.until("session.replay.take === null")
        await page.page.click("[aria-label='Delete First try']")
        await page.page.click("text=Delete?")
        await page.page.wait_for_selector("text=kept here when it ends")
        await page.page.reload()
        await page.page.wait_for_selector("text=kept here when it ends")


async def test_a_take_is_kept_when_the_page_is_left_in_the_middle_of_a_set(studio: Open) -> None:
    async with studio() as page:
        await page.start()
        await page.type("asdf")
        await page.page.reload()
        await page.until("session.takes.list.length === 1")
        assert await page.look("[...session.takes.list[0].notes].filter((_, at) => at % 5 === 3)") == [60, 62, 64, 65]


async def test_the_oldest_takes_go_when_there_are_too_many(studio: Open) -> None:
    async with studio() as page:
        await page.start()
        await one_set(page)
        await page.page.evaluate(
            """async () => {
              const { takes } = tradefours.session;
              const old = (at) => takes.keep({ ...takes.list[0], at, name: `take ${at}` });
              await Promise.all(Array.from({ length: 59 }, (_, at) => old(at + 1)));
            }"""
        )
        await page.page.reload()
        await page.until("session.takes.list.length === 50")
        assert await page.look("[session.takes.list[1].name, session.takes.list[49].name]") == ["take 59", "take 11"]


async def test_a_set_is_saved_as_the_sound_that_it_had(studio: Open, tmp_path: Path) -> None:
    async with studio() as page:
        await page.start("mode=duet&parts=0.33.128")
        await one_set(page, "adg")
        seconds = await page.look("session.takes.list[0].seconds")
        await saved(page, "[title^='Save the set as sound']", tmp_path / "set.wav")
        heard = {url.split("/")[2] for url in page.asked if not url.startswith("blob:")}
        assert len(heard) == 1, heard
    with wave.open(str(tmp_path / "set.wav")) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, 44_100)
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2) / 32768
    assert len(samples) / 44_100 == pytest.approx(seconds + 2, abs=1)
    assert LOUD < np.abs(samples[:44_100]).max() < 1  # it begins with the first note, and is not cut off
    assert np.abs(samples[-4410:]).max() < SILENT * 20
