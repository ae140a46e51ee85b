"""The rest of a bridge through real ports: thru, a recording, taps, our own clock, and a keyboard that is unplugged."""

import asyncio
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from music.files import read_midi
from streaming.messages import ClientHeartbeat, Plan, PlannedNote, PlayedNote
from tests.clients.fake_server import FakeServer, serving
from tests.clients.midi_peers import Keyboard, Recorder, hanging
from tests.clients.test_bridge import OFF, ON, bridge, fifth_above, peers, play, until_heard

pytestmark = pytest.mark.jack
MS = 1_000_000


async def test_thru_takes_no_time_and_the_set_is_recorded(jack_server: dict[str, str], tmp_path: Path) -> None:
    """One millisecond is promised from the driver to the port, three are allowed on a busy machine."""
    server = FakeServer(fifth_above(duration=240))
    async with (
        serving(server.handle) as url,
        bridge(url, tmp_path, thru=True, record=str(tmp_path / "set.mid")) as running,
        peers() as (keyboard, recorder),
    ):
        await running.says("connected")
        through = await asyncio.to_thread(Recorder, "Tradefours Thru")
        with through:
            await play(keyboard, *[(i * 0.1, message) for i in range(6) for message in (ON, OFF)])
            await asyncio.to_thread(through.wait_until, lambda heard: len(heard) == 12)
            assert hanging(through.heard) == []
        await until_heard(recorder, ons=6, offs=6)
        statistics = await running.stop()
        assert statistics["thru"]["count"] == 12
        assert statistics["thru"]["p50_ms"] <= 3
    score = read_midi(tmp_path / "set.mid")
    played = [note.tick for note in server.notes() if note.velocity]
    assert [note.onset for note in score.notes if note.part == 0] == played
    assert [note.onset for note in score.notes if note.part == 1] == [tick + 48 for tick in played]


async def test_taps_make_the_tempo_and_others_hear_our_clock(jack_server: dict[str, str], tmp_path: Path) -> None:
    server = FakeServer()
    tap = [(i * 0.3, message) for i in range(4) for message in (b"\xb0\x50\x7f", b"\xb0\x50\x00")]
    async with serving(server.handle) as url, bridge(url, tmp_path, tap=0x50) as running, peers() as (keyboard, _):
        await running.says("connected")
        with await asyncio.to_thread(Recorder, "Tradefours Clock") as daw:
            await play(keyboard, *tap, (1.0, ON), (1.1, OFF), (2.2, ON), (2.25, OFF))
            heard = daw.heard
        assert heard[0].message == b"\xfa"
        pulses = [event.at for event in heard if event.message == b"\xf8"]
        wanted = 0.3e9 / 24
        gaps = [later - earlier for earlier, later in pairwise(pulses[4:])]
        period = sum(gaps) / sum(max(1, round(gap / wanted)) for gap in gaps)  # a busy machine's listener misses some
        assert period == pytest.approx(wanted, rel=0.03)
        await server.until(lambda: any(isinstance(m, ClientHeartbeat) and m.tick and m.bpm for m in server.heard))
        told = [m.bpm for m in server.heard if isinstance(m, ClientHeartbeat) and m.bpm]
        assert told[-1] == pytest.approx(200, rel=0.03)
        await running.stop()


SOURCE = """
import rtmidi, sys
port = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name="Piano")
port.open_virtual_port("Piano")
print("ready", flush=True)
for line in sys.stdin:
    port.send_message(bytes.fromhex(line.strip()))
    print("sent", flush=True)
"""


class Piano:
    """A keyboard whose port is its own, as those are that are plugged in."""

    async def __aenter__(self) -> "Piano":
        pipe = asyncio.subprocess.PIPE
        self.process = await asyncio.create_subprocess_exec(sys.executable, "-c", SOURCE, stdin=pipe, stdout=pipe)
        await self._line()
        return self

    async def __aexit__(self, *_: Any) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()

    async def play(self, message: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(message.hex().encode() + b"\n")
        await self.process.stdin.drain()
        await self._line()

    async def _line(self) -> None:
        assert self.process.stdout is not None
        assert await asyncio.wait_for(self.process.stdout.readline(), 10)


async def test_a_keyboard_that_is_unplugged_ends_its_notes_and_plays_on_when_it_is_back(
    jack_server: dict[str, str], tmp_path: Path
) -> None:
    server = FakeServer()
    async with serving(server.handle) as url, Piano() as piano:
        running_bridge = bridge(url, tmp_path, opened="Piano:Piano, Tradefours Out", inputs=["piano"])
        running = await running_bridge.__aenter__()
        try:
            await running.says("connected")
            await piano.play(ON)
            await server.until(lambda: len(server.notes()) == 1)
            await piano.__aexit__()
            await running.says("is gone")
            await server.until(lambda: [note.velocity for note in server.notes()] == [64, 0])
            async with Piano() as again:
                await running.says("is back")
                await again.play(ON)
                await server.until(lambda: [note.velocity for note in server.notes()] == [64, 0, 64])
                await running.stop()
        finally:
            await running_bridge.__aexit__(None, None, None)


async def test_two_channels_are_two_players(jack_server: dict[str, str], tmp_path: Path) -> None:
    server = FakeServer()
    async with serving(server.handle) as url, bridge(url, tmp_path, input_parts=[1, 10]) as running:
        await running.says("connected")
        with await asyncio.to_thread(Keyboard, "Tradefours In") as keyboard:
            await play(keyboard, (0.0, ON), (0.02, b"\x99\x24\x40"), (0.1, OFF), (0.12, b"\x89\x24\x00"))
        await server.until(lambda: len(server.notes()) == 4)
        assert [(note.part, note.pitch) for note in server.notes()] == [(0, 60), (1, 36), (0, 60), (1, 36)]
        assert [part.program for part in server.starts()[0].human] == [0, 128]
        await running.stop()


def both_parts(note: PlayedNote) -> Plan | None:
    """Each key is answered by a bass and a drum."""
    if not note.velocity:
        return None
    notes = tuple(
        PlannedNote(id=part, tick=note.tick + 48, duration=24, part=part, pitch=40 + part, velocity=80)
        for part in (1, 2)
    )
    return Plan(add=notes, commit=(1, 2))


async def test_every_part_has_a_port_of_its_own(jack_server: dict[str, str], tmp_path: Path) -> None:
    server, opened = FakeServer(both_parts), "Tradefours In, Tradefours Out 1, Tradefours Out 2"
    options: dict[str, Any] = {"ports": "by-part", "programs": [33, 128], "opened": opened}
    async with serving(server.handle) as url, bridge(url, tmp_path, **options) as running:
        await running.says("connected")
        keyboard, bass, drums = await asyncio.gather(
            asyncio.to_thread(Keyboard, "Tradefours In"),
            asyncio.to_thread(Recorder, "Tradefours Out 1"),
            asyncio.to_thread(Recorder, "Tradefours Out 2"),
        )
        with keyboard, bass, drums:
            await play(keyboard, (0.0, ON), (0.05, OFF))
            heard = [await until_heard(recorder, ons=1, offs=1) for recorder in (bass, drums)]
            assert [{event.key for event in each} for each in heard] == [{(1, 41)}, {(9, 42)}]
            await running.stop()
