"""The studio in a real browser, beside a real server: what is played is heard, seen and answered."""

import asyncio
import gzip
from contextlib import AsyncExitStack, closing
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser

from clients.live import LiveClient
from music.files import read_midi, write_midi
from music.score import Note, Part, Score
from music.time import Meter, MeterChange, Tempo, Tick
from server.app import PAGE
from tests.end_to_end.browser import FAKE_MIDI, PATIENCE_MS, Open, Studio, studio_page
from tests.end_to_end.programs import Server

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

FIRST_SOUND_S = 3.0
SLEEP_MS = 3500  # a server waits for three seconds
SLACK = 3  # a busy machine is no bug
CODE_BYTES = 500_000

TURNS_SOLID = """() => new Promise((resolve, reject) => {
  const {session} = tradefours, outlined = new Set();
  const look = () => {
    for (const note of session.notes.inView(0, performance.now())) {
      if (note.who !== "machine") continue;
      if (note.state === "tentative") outlined.add(note);
      else if (note.state === "committed" && outlined.has(note)) { clearInterval(timer); resolve(true); }
    }
  };
  const timer = setInterval(look, 5);
  setTimeout(() => reject("no note turned from outline to solid"), %d);
})"""


async def test_a_phrase_by_computer_keys_is_heard_at_once_and_answered(studio: Open) -> None:
    async with studio() as page:
        began = monotonic()
        await page.start()
        await page.page.keyboard.down("a")
        await page.until("session.sound.level('human') > 0.003")
        assert monotonic() - began < SLACK * FIRST_SOUND_S
        await page.page.keyboard.up("a")
        solid = asyncio.create_task(page.page.evaluate(TURNS_SOLID % PATIENCE_MS))
        await page.type("sdgd")
        await page.machine_sounds()
        assert await solid
        assert await page.look("session.notes.all.filter(note => note.who === 'you').map(note => note.pitch)") == [
            60, 62, 64, 67, 64,
        ]  # fmt: skip
        assert await page.look("session.machine.playout.late") == 0
        assert await page.look("Math.max(...session.machine.playout.lateness)") <= SLACK * 0.010
        typical = "session.hands.keyMs.sort((a, b) => a - b)[2] + session.sound.context.baseLatency * 1000"
        assert await page.look(typical) <= SLACK * 20
        assert {urlsplit(url).hostname for url in page.asked} == {"127.0.0.1"}


async def test_a_key_that_is_faster_than_the_connection_is_heard_too(studio: Open) -> None:
    async with studio() as page:
        await page.open("mode=duet")
        await page.page.evaluate("document.querySelector('#play').click()")
        await page.until("session.isOn")
        await page.look("(session.connection.socket.close(), session.hands.down(60, 90, performance.now()))")
        await page.machine_sounds()


async def test_every_loudness_of_every_instrument_sounds(studio: Open) -> None:
    async with studio() as page:
        await page.start()
        for program in (0, 4, 33, 48):
            await page.look(f"session.sound.program(0, {program})")
            for velocity in (12, 68, 92, 108):
                await page.look(f"session.sound.on(0, {30 + velocity // 3}, {velocity})")
                await page.until("session.sound.level('human') > 0.0005")
                await page.look("session.sound.panic()")
                await page.until("session.sound.level('human') === 0")


async def test_the_code_is_small() -> None:
    code = [*(PAGE / "built").iterdir(), PAGE / "index.html", PAGE / "studio.css"]
    assert sum(len(gzip.compress(file.read_bytes())) for file in code) <= CODE_BYTES
    assert (PAGE / "band.sf3").stat().st_size <= 2_000_000


async def test_mouse_and_fingers_play(studio: Open) -> None:
    async with studio(has_touch=True) as page:
        await page.start()
        await page.page.click("[data-pitch='64']", position={"x": 12, "y": 100})
        await page.page.tap("[data-pitch='67']", position={"x": 12, "y": 100})
        await page.until("session.notes.all.filter(note => note.who === 'you' && note.end !== null).length === 2")
        assert await page.look("session.notes.all.filter(note => note.who === 'you').map(note => note.pitch)") == [
            64,
            67,
        ]


async def test_panic_ends_everything_that_sounds(studio: Open) -> None:
    async with studio() as page:
        await page.start("mode=duet")
        await page.page.keyboard.down("a")
        await page.machine_sounds()
        await page.page.keyboard.press("Escape")
        await page.machine_is_silent()
        await page.until("session.sound.level('human') < 0.0005")
        assert await page.look("session.notes.all.every(note => note.end !== null)")


# ---- Web MIDI -------------------------------------------------------------------------------------------


async def test_a_midi_keyboard_plays_and_a_midi_instrument_is_played(studio: Open) -> None:
    async with studio() as page:
        await page.page.add_init_script(path=FAKE_MIDI)
        await page.start("mode=duet")
        await page.page.click("text=Use a MIDI keyboard")
        await page.page.wait_for_selector("text=Test Keyboard")
        await page.page.select_option("[aria-label='Output of part 1']", "out-1")
        await page.page.evaluate("__midi.emit([0x90, 60, 100])")
        await page.until("session.sound.level('human') > 0.003")
        await page.until("__midi.sent().some(({data}) => data[0] === 0x91)")
        assert await page.look("session.sound.level('machine')") == 0
        await page.page.evaluate("__midi.emit([0xb0, 64, 127])")  # the pedal holds what the key lets go
        await page.page.evaluate("__midi.emit([0x80, 60, 0])")
        assert await page.look("session.notes.all.find(note => note.who === 'you').end") is None
        await page.page.evaluate("__midi.emit([0xb0, 64, 0])")
        assert await page.look("session.notes.all.find(note => note.who === 'you').end") > 0
        await page.page.evaluate("__midi.plug('in-2', 'Second Keyboard', 'input')")
        await page.page.wait_for_selector("text=Second Keyboard")
        await page.page.evaluate("__midi.unplug('in-2')")
        await page.page.wait_for_selector("text=Second Keyboard", state="detached")
        await page.page.keyboard.press("Escape")
        struck: dict[int, int] = {}
        for message in await page.page.evaluate("__midi.sent().map(({data}) => data)"):
            if message[0] >> 4 in (8, 9):
                struck[message[1]] = struck.get(message[1], 0) + (1 if message[0] >> 4 == 9 else -1)
        assert struck
        assert not any(struck.values())


@pytest.mark.parametrize(("deny", "words"), [(True, "refused MIDI"), (None, "refused MIDI|no MIDI system")])
async def test_midi_that_cannot_be_had_is_said_in_words(studio: Open, deny: bool | None, words: str) -> None:
    async with studio() as page:
        if deny:
            await page.page.add_init_script(path=FAKE_MIDI)
        await page.open()
        if deny:
            await page.page.evaluate("__midi.deny = true")
        await page.page.click("text=Use a MIDI keyboard")
        await page.page.wait_for_selector(f"text=/{words}/")


# ---- what breaks ----------------------------------------------------------------------------------------


async def test_a_server_that_dies_leaves_silence_and_words_and_the_set_goes_on_when_it_is_back(
    studio: Open, server: Server
) -> None:
    async with studio() as page:
        await page.start("mode=duet")
        await page.page.keyboard.down("a")
        await page.machine_sounds()
        server.kill()
        await page.page.wait_for_selector("text=The server is gone")
        await page.machine_is_silent()
        await page.until("session.sound.level('human') > 0")
        before = await page.look("session.notes.all.filter(note => note.who === 'machine').length")
        await asyncio.to_thread(server.start)
        await page.until("session.connection.link === 'on'")
        await page.page.keyboard.up("a")
        await page.type("dg")
        await page.machine_sounds()
        assert await page.look("session.notes.all.filter(note => note.who === 'machine').length") > before
        assert not await page.page.is_visible("text=The server is gone")


async def test_a_page_that_stood_still_as_a_laptop_does_that_sleeps_goes_on_with_the_same_session(studio: Open) -> None:
    async with studio() as page:
        await page.start("mode=duet")
        await page.page.keyboard.down("a")
        await page.machine_sounds()
        name = await page.look("session.connection.session")
        await page.page.evaluate(f"for (const until = performance.now() + {SLEEP_MS}; performance.now() < until; );")
        await page.until("session.connection.link !== 'on'")
        await page.until("session.connection.link === 'on'")
        assert await page.look("[session.plays, session.connection.session]") == [True, name]
        await page.page.keyboard.up("a")
        await page.type("dg")
        await page.machine_sounds()


async def test_with_a_journal_the_same_set_goes_on_in_the_next_server_and_nothing_that_was_played_is_lost(
    browser: Browser, model: str, tmp_path: Path
) -> None:
    with closing(Server(model, "--journal", str(tmp_path))) as server:
        await asyncio.to_thread(server.start)
        home = f"http://127.0.0.1:{server.port}"
        async with studio_page(browser, home) as page:
            await page.start("mode=duet")
            await page.type("ad")
            await page.machine_sounds()
            name = await page.look("session.connection.session")
            server.kill()
            await page.machine_is_silent()
            await page.type("g")
            await asyncio.to_thread(server.start)
            await page.until("session.connection.link === 'on'")
            assert await page.look("session.connection.session") == name
            await page.type("k")
            await page.machine_sounds()
            assert await page.look("session.set.base") == 0  # it has not begun anew
            recording = await page.page.request.get(f"{home}/v1/sessions/{name}.mid")
            score = read_midi(await recording.body())
    assert [note.pitch for note in score.notes if score.parts[note.part].name == "Human 1"] == [60, 64, 67, 72]


async def test_a_connection_that_is_cut_goes_on_with_the_same_session_and_what_was_played_meanwhile_is_told(
    studio: Open, server: Server
) -> None:
    async with studio() as page:
        await page.start("mode=duet")
        await page.page.keyboard.down("a")
        await page.machine_sounds()
        name = await page.look("session.connection.session")
        await page.look("(session.connection.lose(), session.connection.retryAt = Infinity)")
        await page.machine_is_silent()
        await page.page.keyboard.up("a")
        await page.look("session.connection.again()")
        await page.until("session.connection.link === 'on'")
        assert await page.look("session.connection.session") == name
        await page.type("dg")
        await page.machine_sounds()
        recording = await page.page.request.get(f"http://127.0.0.1:{server.port}/v1/sessions/{name}.mid")
        score = read_midi(await recording.body())
    assert [note.pitch for note in score.notes if score.parts[note.part].name == "Human 1"][:2] == [60, 64]


async def test_a_full_house_is_said_in_words(studio: Open, server: Server) -> None:
    async with studio() as page, AsyncExitStack() as others:
        await page.start()
        for _ in range(4):
            other = await others.enter_async_context(LiveClient(server.url))
            await other.start()
            await other.beat()
        await page.until("session.watch.status?.sessions === 4")
        await page.type("a")
        await page.page.wait_for_selector("text=every place is taken")


# ---- settings, files, company ---------------------------------------------------------------------------


async def test_everything_can_be_changed_while_it_plays(studio: Open) -> None:
    async with studio() as page:
        await page.start("mode=duet")
        await page.type("adg")
        tick = await page.look("session.clock.tickAt(session.heardNow)")
        for mode in ("answer", "accompany", "trade", "duet"):
            await page.page.check(f"input[value={mode}]", force=True)
        await page.page.fill("[aria-label='Beats per minute']", "132")
        await page.page.press("[aria-label='Beats per minute']", "Enter")
        await page.page.select_option("[aria-label=Meter]", "3/4")
        await page.page.select_option("label:has-text('Key') select >> nth=0", "D")
        chords = page.page.locator("[placeholder='Am7 | D7 G7 | C']")
        await chords.fill("Dm7 | G7")
        await chords.press("Enter")
        await page.page.click("text=+ Add a part")
        await page.page.fill("label:has-text('Density') input", "0.5")
        await page.page.click("text=Click")
        await page.page.click("[title='Its last bar, again and again']")
        await page.until("session.machine.isFrozen")
        await page.page.click("[title='Its last bar, again and again']")
        await page.page.click("#piano >> nth=0", position={"x": 5, "y": 100})
        await page.until("session.set.stretches.at(-1).meter === '3/4' && session.clock.bpm === 132")
        await page.machine_sounds()
        assert await page.look("session.clock.tickAt(session.heardNow)") > tick
        assert await page.look("session.notice") == ""
        await chords.fill("H7 | ?")
        await chords.press("Enter")
        await page.page.wait_for_selector("text=/expected .*H7/")


async def test_bars_are_traded_after_a_count_in_and_space_stops_and_starts(studio: Open) -> None:
    async with studio() as page:
        await page.start("mode=trade&trade=1&countIn=1&bpm=300")
        await page.page.keyboard.press("Space")
        await page.until("session.clock.tickAt(session.heardNow) > 1940")
        await page.type("adg", each_ms=80)
        await page.until("session.clock.tickAt(session.heardNow) > 5760")
        ticks = await page.look("session.notes.all.filter(note => note.who === 'machine').map(note => note.tick)")
        assert ticks
        assert all(3840 <= tick < 5760 for tick in ticks), ticks
        await page.page.click("[title^='The machine comes']")
        await page.page.keyboard.press("Space")
        await page.machine_is_silent()
        assert not await page.look("session.plays")
        await page.until("session.watch.sessions.size === 0")  # its place is free
        await page.page.check("input[value=answer]", force=True)
        await page.type("ad")
        await page.machine_sounds()


async def test_a_link_carries_the_settings(studio: Open) -> None:
    async with studio() as page:
        await page.open("mode=trade&bpm=88&meter=3%2F4&key=D+minor&parts=33.128&density=-0.5&seed=7")
        link = await page.look("session.settings")
        assert (link["mode"], link["bpm"], link["meter"], link["key"]) == ("trade", 88, "3/4", "D minor")
        assert ([part["program"] for part in link["parts"]], link["density"], link["seed"]) == ([33, 128], -0.5, 7)
        await page.page.click("[title^='Copy a link to these']")
        await page.page.wait_for_selector("text=/clipboard|mode=trade/")


async def test_a_dropped_file_is_gone_on_from_and_the_set_can_be_saved(studio: Open, tmp_path: Path) -> None:
    notes = tuple(Note(Tick(240 * at), 0, 60 + at % 5, 90, 200) for at in range(32))
    piece = Score((Part(0),), notes, (Tempo.from_bpm(90),), (MeterChange(Tick(0), Meter(4, 4)),))
    async with studio() as page:
        await page.start()
        await page.page.evaluate(
            """bytes => {
              const data = new DataTransfer();
              data.items.add(new File([new Uint8Array(bytes)], "piece.mid"));
              dispatchEvent(new DragEvent("drop", { dataTransfer: data }));
            }""",
            list(write_midi(piece)),
        )
        await page.until("session.prompt?.notes.length === 32 && session.settings.mode === 'continue'")
        async with page.page.expect_file_chooser() as chooser:  # for who has no mouse to drop it with
            await page.page.click("text=Another")
        await (await chooser.value).set_files({"name": "text.mid", "mimeType": "audio/midi", "buffer": b"no music"})
        await page.page.wait_for_selector("text=This is no MIDI file.")
        assert await page.look("session.settings.bpm") == 90
        await page.page.click("text=Start")
        await page.machine_sounds()
        await page.type("a")
        async with page.page.expect_download() as download:
            await page.page.click("[title^='Save the set']")
        await (await download.value).save_as(tmp_path / "set.mid")
    score = read_midi((tmp_path / "set.mid").read_bytes())
    assert [part.name.split()[0] for part in score.parts] == ["Human", "Machine"]
    assert [note.pitch for note in score.notes if note.part == 0] == [60]


async def test_a_second_human_joins_by_a_link_and_both_hear_each_other(studio: Open) -> None:
    async with studio() as host, studio() as guest:
        await host.start("mode=duet&bpm=110")
        await host.type("ad")
        await host.machine_sounds()
        await guest.start(f"join={await host.look('session.connection.session')}")
        await guest.until("session.plays")
        assert await guest.look("session.clock.bpm") == 110
        await guest.type("g")
        await host.until("session.notes.all.some(note => note.who === 'guest' && note.pitch === 67)")
        await host.type("k")
        await guest.until("session.notes.all.some(note => note.who === 'guest' && note.pitch === 72)")
        await guest.machine_sounds()
        both = "session.clock.tickAt(session.heardNow) / session.clock.ticksPerSecond"
        assert abs(await host.look(both) - await guest.look(both)) < 0.5


async def test_whoever_opens_the_page_sees_what_others_play(studio: Open, server: Server) -> None:
    async with studio() as page, LiveClient(server.url, tick=lambda: Tick(0)) as other:
        await page.open()
        await other.start(mode="duet")
        await other.note(0, 64, 90)
        await page.page.wait_for_selector("text=Somebody plays now")
        await page.until("view().notes.all.some(note => note.pitch === 64)")


# ---- for everybody --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("scheme", "size"), [("dark", (1280, 800)), ("light", (390, 844))])
async def test_nobody_is_shut_out(studio: Open, scheme: str, size: tuple[int, int]) -> None:
    options: dict[str, Any] = {"color_scheme": scheme, "viewport": {"width": size[0], "height": size[1]}}
    async with studio(**options) as page:
        await page.open()
        await no_serious_finding(page)
        await page.page.click("#play")
        if size[0] < 1000:
            await page.page.click("[aria-label=Controls]")
        await page.page.click("[aria-label='Light or dark']")
        await page.type("asdf", each_ms=50)
        await page.page.keyboard.press("Space")
        await page.page.wait_for_selector("[aria-label='Name of the take']")
        await no_serious_finding(page)
        assert await page.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def no_serious_finding(page: Studio) -> None:
    """No serious or critical finding of axe-core."""
    results = await Axe().run(page.page)
    found = [
        f"{each['id']}: {each['nodes'][0]['html']}"
        for each in results.response["violations"]
        if each["impact"] in ("serious", "critical")
    ]
    assert found == []
