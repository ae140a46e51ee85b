"""A DAW and the whole of Tradefours: its clock leads, the network plays, and when it stops nothing sounds."""

import asyncio
import os
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import pytest

from music.files import read_midi
from tests.clients.fake_server import FakeServer, serving
from tests.clients.midi_peers import Heard, Recorder, Sequencer, hanging
from tests.clients.test_bridge import bridge as bridge_of_fake
from tests.clients.test_bridge_clock import CONTINUE, MS, PULSE, START, STOP, Metronome, errors_ms, pulses
from tests.end_to_end.programs import Server, bridge

pytestmark = [pytest.mark.jack, pytest.mark.slow]
ARDOUR = next(iter(sorted(Path("/usr/bin").glob("ardour*-lua"))), None)
ROLLS_S = 9  # four bars at 120 bpm, and a bit
PERIOD_MS = 64 / 48


def played(seconds: float, count: int) -> list[tuple[float, bytes]]:
    """A line of eighths at 120 bpm, from so many seconds on."""
    line = []
    for i in range(count):
        pitch = 60 + (0, 2, 4, 7, 9, 7, 4, 2)[i % 8]
        line += [(seconds + i * 0.25, bytes((0x90, pitch, 80))), (seconds + i * 0.25 + 0.2, bytes((0x80, pitch, 0)))]
    return line


def song(start: bytes, beats: int) -> list[tuple[float, bytes]]:
    """A clock that starts, plays with a human, and stops."""
    clock = pulses((beats * 24, 120))
    events = [(0.0, start), *clock, *played(0.1, 2 * beats - 2), (clock[-1][0] + 0.01, STOP)]
    return sorted(events, key=lambda event: event[0])


def ons(heard: list[Heard]) -> int:
    return sum(event.is_on for event in heard)


@pytest.mark.skipif(find_spec("jack") is None, reason="needs JACK-Client")
def test_the_network_plays_with_the_daw_stops_with_it_and_goes_on_with_it(
    jack_server: dict[str, str], server: Server, tmp_path: Path
) -> None:
    record = tmp_path / "set.mid"
    with (
        bridge(server.url, "--mode", "duet", "--record", str(record)) as program,
        Sequencer("Tradefours In") as daw,
        Recorder("Tradefours Out") as recorder,
    ):
        stopped = daw.play(song(START, 12))[-1]
        heard = recorder.wait_until(lambda heard: not hanging(heard))
        first = ons(heard)
        assert first > 0
        assert heard[-1].at - stopped < 100 * MS
        daw.play(song(CONTINUE, 12))
        second = ons(recorder.wait_until(lambda heard: not hanging(heard)))
        assert second > first
        daw.play(song(START, 8))
        recorder.wait_until(lambda heard: ons(heard) > second and not hanging(heard))
        assert program.stop() == 0
        assert hanging(recorder.heard) == []
    takes = [read_midi(record), read_midi(tmp_path / "set-2.mid")]
    for take in takes:
        assert {part.name for part in take.parts} == {"Human 1", "Machine 2"}
        assert take.tempos[-1].bpm == pytest.approx(120, rel=0.02)  # the first is a guess from a few pulses
    assert takes[0].end > 20 * 480
    assert takes[1].end <= 9 * 480


@pytest.mark.skipif(
    ARDOUR is None or "TRADEFOURS_ARDOUR" not in os.environ,
    reason="needs ardour, whose 211 MB are not installed for every test run, and TRADEFOURS_ARDOUR=1",
)
async def test_ardour_leads_and_records_what_we_play_where_it_should_be(
    jack_server: dict[str, str], tmp_path: Path
) -> None:
    """Within a period, and three times the 3 ms that are promised: the machine is at work, so the median counts."""
    assert ARDOUR is not None
    metronome = FakeServer(plan=Metronome())
    env = os.environ | {"ARDOUR_SESSION": str(tmp_path / "s"), "ARDOUR_GO": str(tmp_path / "go")}
    env["ARDOUR_SECONDS"] = str(ROLLS_S)
    async with serving(metronome.handle) as url, bridge_of_fake(url, tmp_path) as running:
        await running.says("connected")
        lua = str(Path(__file__).with_name("ardour.lua"))
        pipe, nothing = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        ardour = await asyncio.create_subprocess_exec(str(ARDOUR), lua, env=env, stdout=pipe, stderr=nothing)
        try:
            await says(ardour, b"READY")
            connect("MIDI Clock out", "Tradefours In")
            connect("Tradefours Out", "AI/midi_in 1")
            out, clock = await asyncio.gather(
                asyncio.to_thread(Recorder, "Tradefours Out"), asyncio.to_thread(Recorder, "MIDI Clock out")
            )
            with out, clock:
                (tmp_path / "go").touch()
                await says(ardour, b"STOPPED")
                await asyncio.to_thread(clock.wait_until, lambda heard: heard[-1].message == STOP)
                await asyncio.sleep(1)
                sent = [event.at for event in clock.heard if event.message == PULSE]
                errors = errors_ms(out.heard, sent)
                assert len(errors) >= 12
                assert median(map(abs, errors.values())) <= 9 + PERIOD_MS
                assert hanging(out.heard) == []
                assert out.heard[-1].at - clock.heard[-1].at < 30 * MS
            assert await asyncio.wait_for(ardour.wait(), 30) == 0
        finally:
            if ardour.returncode is None:
                ardour.kill()
                await ardour.wait()
        await running.stop()
    (recorded,) = (tmp_path / "s").glob("interchange/*/midifiles/*.mid")
    onsets = [note.onset for note in read_midi(recorded).notes]
    off_ms = [abs(onset / 480 - round(onset / 480)) * 500 for onset in onsets]
    assert len(onsets) >= 12
    assert median(off_ms) <= 9 + PERIOD_MS


async def says(ardour: asyncio.subprocess.Process, word: bytes) -> None:
    assert ardour.stdout is not None
    async with asyncio.timeout(60):
        async for line in ardour.stdout:
            if word in line:
                return
    raise AssertionError(f"ardour never said {word!r}")


def connect(source: str, target: str) -> None:
    jack_lsp = shutil.which("jack_lsp")
    assert jack_lsp
    ports = subprocess.check_output([jack_lsp], text=True).splitlines()
    found = [next(port for port in ports if port.endswith(name)) for name in (source, target)]
    subprocess.check_call(["jack_connect", *found])
