"""What a synthesiser at `Tradefours Out` sounds: something where notes are, nothing soon after whatever ends them."""

import array
import asyncio
import json
import os
import shutil
import subprocess
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, monotonic_ns, sleep

import pytest

from benchmarks.performance import messages, phrases
from server.synth import SOUND_FONTS, can_render
from tests.clients.fake_server import FakeServer, serving
from tests.clients.midi_peers import Keyboard, Recorder, hanging
from tests.clients.test_bridge import FOREVER, OFF, ON, bridge, fifth_above, peers, play, until_heard
from tests.clients.test_bridge_hands import KNOB, TURNED
from tests.end_to_end.programs import Server
from tests.end_to_end.programs import bridge as bridge_program

pytestmark = [
    pytest.mark.jack,
    pytest.mark.slow,
    pytest.mark.skipif(not can_render(), reason="needs fluidsynth and a sound font"),
]
SILENT_S = 1.0  # promised, from whatever ends it
AUDIBLE = 0.002  # of full scale
LOUD = 32  # of 127: what is softer may be below that
SEED = 4
BEFORE_S = 0.6  # of silence, to be heard as such
SLACK_S = 0.15  # the file's clock is only as exact as the moment of its end


class Sound:
    """A file that ended at a moment, looked at by the moments of others."""

    def __init__(self, wav: Path, ended: int) -> None:
        with wave.open(str(wav)) as file:
            self._rate, channels = file.getframerate(), file.getnchannels()
            self._samples: array.array[int] = array.array("h", file.readframes(file.getnframes()))[::channels]
        self._ended = ended

    def peak(self, since: int, until: int) -> float:
        """Between two moments, 0..1."""
        first, last = (round(len(self._samples) - (self._ended - at) * self._rate / 1e9) for at in (since, until))
        assert 0 <= first < last <= len(self._samples)
        return max(map(abs, self._samples[first:last])) / 32768


@contextmanager
def synthesiser(server: str, wav: Path) -> Iterator[subprocess.Popen[bytes]]:
    """FluidSynth, connected to `Tradefours Out`, without an echo. Say `quit` to it, or its file has no length."""
    font = next(font for font in SOUND_FONTS if font.is_file())
    options = {"audio.file.name": wav, "audio.file.type": "wav", "midi.jack.server": server, "midi.jack.id": "synth"}
    settings = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
    command = ["fluidsynth", "-q", "-g", "1", "-R", "0", "-C", "0", "-a", "file", "-m", "jack", *settings, str(font)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        try:
            deadline = monotonic() + 10
            while not any("synth:midi" in port for port in _ports()):
                assert monotonic() < deadline, f"waited for a synthesiser, got {_ports()}"
                sleep(0.05)
            source = next(port for port in _ports() if port.endswith("Tradefours Out"))
            sink = next(port for port in _ports() if "synth:midi" in port)
            subprocess.check_call(["jack_connect", source, sink], timeout=10)
            yield process
        finally:
            process.kill()


def _ports() -> list[str]:
    jack_lsp = shutil.which("jack_lsp")
    assert jack_lsp
    return subprocess.check_output([jack_lsp], text=True, timeout=10).splitlines()  # one that hangs holds up everything


async def test_notes_sound_and_a_panic_a_lost_server_and_a_killed_bridge_are_silence(
    jack_server: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "controllers.json").write_text(json.dumps({"Tradefours In": {"panic": KNOB}}))
    server, wav, ends = FakeServer(fifth_above(FOREVER)), tmp_path / "out.wav", list[int]()
    async with (
        serving(server.handle) as url,
        bridge(url, tmp_path, active_sensing=True) as running,
        peers() as (keyboard, recorder),
    ):
        with synthesiser(jack_server["JACK_DEFAULT_SERVER"], wav) as synth:
            await asyncio.sleep(BEFORE_S)
            for count, end in enumerate(("panic", "cut", "kill"), start=1):
                await running.says("connected" if end != "cut" else "panic")
                await play(keyboard, (0, ON), (0.4, OFF))
                await until_heard(recorder, ons=count, offs=count - 1)
                await asyncio.sleep(0.3)
                ends.append(monotonic_ns())
                if end == "panic":
                    await play(keyboard, (0, TURNED))
                elif end == "cut":
                    server.cut()
                else:
                    running.process.kill()
                await asyncio.sleep(SILENT_S + 2 * SLACK_S)
            ended = monotonic_ns()
            synth.communicate(b"quit\n", timeout=10)
        heard = recorder.heard
    assert hanging(heard) == []
    sound = Sound(wav, ended)
    begins = [event.at for event in heard if event.is_on]
    assert sound.peak(begins[0] - 400_000_000, begins[0] - 200_000_000) < AUDIBLE
    for begin, ended in zip(begins, ends, strict=True):
        silent = ended + round((SILENT_S + SLACK_S) * 1e9)
        print(f"peak {sound.peak(begin, ended):.3f}, then {sound.peak(silent, silent + 100_000_000):.5f}")
        assert sound.peak(begin + 100_000_000, ended) > 10 * AUDIBLE
        assert sound.peak(silent, silent + 100_000_000) < AUDIBLE


def test_a_duet_sounds_where_its_notes_are_and_is_silent_within_a_second_of_a_killed_server(
    jack_server: dict[str, str], server: Server, tmp_path: Path
) -> None:
    """Of the network itself. TRADEFOURS_DUET_S makes it longer."""
    seconds, wav = float(os.environ.get("TRADEFOURS_DUET_S", "3")), tmp_path / "out.wav"
    line = [each for phrase in phrases(seconds, SEED) for each in messages(phrase)]
    with (
        bridge_program(server.url, "--mode", "duet", "--seed", str(SEED)),
        Keyboard("Tradefours In") as keyboard,
        Recorder("Tradefours Out") as recorder,
        synthesiser(jack_server["JACK_DEFAULT_SERVER"], wav) as synth,
    ):
        sleep(BEFORE_S)
        began = monotonic()
        keyboard.play(line)
        sleep(max(0.0, seconds - (monotonic() - began)))
        recorder.wait_until(lambda heard: len(hanging(heard)) > 0, timeout_s=15)
        server.kill()
        killed = monotonic_ns()
        sleep(SILENT_S + 4 * SLACK_S)
        ended = monotonic_ns()
        synth.communicate(b"quit\n", timeout=10)
        heard = recorder.heard
    assert hanging(heard) == []
    sound, slack = Sound(wav, ended), round(SLACK_S * 1e9)
    loud = [event.at for event in heard if event.is_on and event.message[2] >= LOUD]
    deaf = [at for at in loud if sound.peak(at - slack, at + 2 * slack) < AUDIBLE]
    silent = killed + round(SILENT_S * 1e9) + slack
    print(f"{len(loud)} notes, {len(deaf)} without sound; at the end {sound.peak(silent, ended - slack):.5f}")
    assert loud
    assert deaf == []
    assert sound.peak(heard[0].at - 3 * slack, heard[0].at - 2 * slack) < AUDIBLE
    assert sound.peak(silent, ended - slack) < AUDIBLE
