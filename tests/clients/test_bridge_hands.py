"""What changes while playing, through real ports: a knob that learned, keys at the terminal, panic."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from streaming.messages import Control, Transport
from tests.clients.fake_server import FakeServer, serving
from tests.clients.midi_peers import hanging
from tests.clients.test_bridge import FOREVER, OFF, ON, RUN, bridge, fifth_above, peers, play, until_heard

pytestmark = pytest.mark.jack
KNOB, PAD = {"kind": "controller", "number": 21, "channel": 1}, {"kind": "key", "number": 36, "channel": 10}
TURNED, STRUCK = b"\xb0\x15\x7f", b"\x99\x24\x40"


def controls(server: FakeServer) -> dict[str, Any]:
    """All that was asked for since the last start."""
    asked: dict[str, Any] = {}
    for message in server.heard:
        if isinstance(message, Control):
            asked |= message.model_dump(exclude={"seq", "type"}, exclude_none=True)
    return asked


def transports(server: FakeServer) -> list[str]:
    return [message.action for message in server.heard if isinstance(message, Transport)]


async def test_what_a_device_has_learned_is_told_and_no_music_and_outlives_the_connection(
    jack_server: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "controllers.json").write_text(json.dumps({"Tradefours In": {"density": KNOB, "mute": PAD}}))
    server = FakeServer()
    async with serving(server.handle) as url, bridge(url, tmp_path) as running, peers() as (keyboard, _):
        await running.says("connected")
        await play(keyboard, (0, TURNED), (0.01, STRUCK), (0.02, b"\x89\x24\x00"), (0.03, ON), (0.04, OFF))
        await server.until(lambda: controls(server) == {"density": 1.0, "mute": (1,)} and len(server.notes()) == 2)
        assert {note.pitch for note in server.notes()} == {60}

        before = len(server.heard)
        server.cut()
        await running.says("connected")
        await server.until(lambda: len(server.starts()) == 2)
        assert server.starts()[1].density == 1.0
        await server.until(lambda: any(isinstance(m, Control) and m.mute == (1,) for m in server.heard[before:]))
        await running.stop()


async def test_panic_ends_all_and_all_channels_are_told(jack_server: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "controllers.json").write_text(json.dumps({"Tradefours In": {"panic": KNOB, "end": PAD}}))
    server = FakeServer(fifth_above(FOREVER))
    async with serving(server.handle) as url, bridge(url, tmp_path) as running, peers() as (keyboard, recorder):
        await running.says("connected")
        await play(keyboard, (0, ON))
        await until_heard(recorder, ons=1, offs=0)
        (pressed,) = await play(keyboard, (0, TURNED))
        heard = await until_heard(recorder, ons=1, offs=1)
        assert hanging(heard) == []
        assert next(event.at for event in heard if event.is_off) - pressed < 1_000_000_000
        told = await asyncio.to_thread(recorder.wait_until, lambda heard: len(heard) >= 2 + 16 * 3)
        assert {event.message[0] & 0x0F for event in told if event.message[:2][1:] == b"\x78"} == set(range(16))
        await server.until(lambda: transports(server) == ["stop"] and server.notes()[-1].velocity == 0)
        await play(keyboard, (0, STRUCK))
        await server.until(lambda: transports(server) == ["stop", "end"])
        await running.stop()


@asynccontextmanager
async def at_a_terminal(url: str, folder: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    """A bridge whose stdin and stderr are a terminal; the other end of it."""
    ours, theirs = os.openpty()
    settings = {"url": url, "api": "jack", "controllers": str(folder / "controllers.json")}
    command = ["setsid", "--ctty", "--wait", sys.executable, "-c", RUN, json.dumps(settings)]
    env = os.environ | {"TERM": "xterm", "COLUMNS": "160"}
    process = await asyncio.create_subprocess_exec(*command, stdin=theirs, stderr=theirs, env=env)
    os.close(theirs)
    try:
        yield process, ours
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        os.close(ours)


async def until_seen(terminal: int, text: str) -> str:
    """What the terminal showed until then."""
    seen = ""
    try:
        async with asyncio.timeout(10):
            while text not in seen:
                seen += (await asyncio.to_thread(os.read, terminal, 4096)).decode()
    except OSError as error:
        raise AssertionError(f"waited for {text!r}, saw {seen!r}") from error
    return seen


async def test_a_player_at_a_terminal_reads_the_state_and_changes_it(
    jack_server: dict[str, str], tmp_path: Path
) -> None:
    server = FakeServer()
    async with serving(server.handle) as url, at_a_terminal(url, tmp_path) as (process, terminal):
        await until_seen(terminal, "answer · 120 bpm, waiting for you · temperature 0.95 · density 0 · leave space 0")
        os.write(terminal, b"mTDx")
        await until_seen(terminal, "duet, silent")
        await server.until(lambda: len(controls(server)) == 4)
        assert controls(server) == {"mode": "duet", "temperature": 1.0, "density": 0.25, "mute": (1,)}
        os.write(terminal, b"ls")
        await until_seen(terminal, "move what is to be leave-space")
        async with peers() as (keyboard, _):
            await play(keyboard, (0, TURNED), (0.05, TURNED))
        await until_seen(terminal, "leave space 1 ")
        assert json.loads((tmp_path / "controllers.json").read_text()) == {"Tradefours In": {"leave-space": KNOB}}
        os.write(terminal, b"\x03")  # ctrl-C
        await until_seen(terminal, "played 0 notes")
        assert await asyncio.wait_for(process.wait(), 10) == 0
