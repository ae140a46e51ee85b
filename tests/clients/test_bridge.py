"""The bridge as its users run it: a process with real ports, against a server that answers by script."""

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection

from clients.bridge import run_bridge
from clients.bridge_options import BridgeOptions
from clients.ports import open_input
from clients.talk import FIRST_PAUSE_S, GROWTH
from streaming.messages import (
    ClientHeartbeat,
    ErrorMessage,
    Plan,
    PlannedNote,
    PlayedNote,
    ServerBye,
    ServerHeartbeat,
    ServerMessage,
    Start,
    Welcome,
)
from tests.clients.fake_server import FakeServer, serving
from tests.clients.midi_peers import Heard, Keyboard, Recorder, hanging

ON, OFF = b"\x90\x3c\x40", b"\x80\x3c\x00"
FOREVER = 480 * 3_600
RUN = "import json, sys; from pathlib import Path; from clients.bridge import *; options = json.loads(sys.argv[1]); "
RUN += "paths = {name: Path(options[name]) for name in ('stats', 'record', 'controllers') if name in options}; "
RUN += "sys.exit(run_bridge(BridgeOptions(**options | paths)))"


def fifth_above(duration: int, after_ticks: int = 48) -> Any:
    """Answers each key that goes down with a note of its own, at once."""

    def answer(note: PlayedNote) -> ServerMessage | None:
        if note.velocity == 0:
            return Plan(answers_seq=note.seq)
        reply = PlannedNote(
            id=note.seq, tick=note.tick + after_ticks, duration=duration, part=1, pitch=note.pitch + 7, velocity=80
        )
        return Plan(add=(reply,), commit=(reply.id,), answers_seq=note.seq, reviewed_seq=note.seq)

    return answer


class RunningBridge:
    def __init__(self, process: asyncio.subprocess.Process, stats: Path) -> None:
        self.process = process
        self._stats = stats
        self.lines: list[str] = []

    async def says(self, text: str) -> str:
        """Wait until a line of its log contains `text`."""
        assert self.process.stderr is not None
        async with asyncio.timeout(10):
            while line := (await self.process.stderr.readline()).decode():
                self.lines.append(line)
                if text in line:
                    return line
        raise AssertionError(f"never said {text!r}: {self.lines}")

    async def stop(self, number: int = signal.SIGTERM) -> dict[str, Any]:
        self.process.send_signal(number)
        _, rest = await asyncio.wait_for(self.process.communicate(), 10)
        self.lines += rest.decode().splitlines()
        assert self.process.returncode == 0
        statistics: dict[str, Any] = json.loads(self._stats.read_text())
        return statistics


@asynccontextmanager
async def bridge(
    url: str, folder: Path, prelude: str = "", opened: str = "Tradefours In, Tradefours Out", **options: Any
) -> AsyncIterator[RunningBridge]:
    files = {name: str(folder / f"{name}.json") for name in ("stats", "controllers")}
    settings = {"url": url, "api": "jack", **files, **options}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", prelude + RUN, json.dumps(settings)), stderr=asyncio.subprocess.PIPE
    )
    try:
        running = RunningBridge(process, folder / "stats.json")
        line = await running.says("ports open")
        assert line.endswith(f"ports open: {opened}\n")
        yield running
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@asynccontextmanager
async def peers() -> AsyncIterator[tuple[Keyboard, Recorder]]:
    keyboard, recorder = await asyncio.gather(
        asyncio.to_thread(Keyboard, "Tradefours In"), asyncio.to_thread(Recorder, "Tradefours Out")
    )
    try:
        yield keyboard, recorder
    finally:
        await asyncio.to_thread(keyboard.close)
        await asyncio.to_thread(recorder.close)


async def play(keyboard: Keyboard, *notes: tuple[float, bytes]) -> list[int]:
    return await asyncio.to_thread(keyboard.play, notes)


async def until_heard(recorder: Recorder, *, ons: int, offs: int) -> list[Heard]:
    def enough(heard: Sequence[Heard]) -> bool:
        return sum(event.is_on for event in heard) >= ons and sum(event.is_off for event in heard) >= offs

    return await asyncio.to_thread(recorder.wait_until, enough)


@pytest.mark.jack
async def test_what_is_played_is_answered_in_time_and_counted(jack_server: dict[str, str], tmp_path: Path) -> None:
    server = FakeServer(fifth_above(duration=24))
    async with serving(server.handle) as url, bridge(url, tmp_path) as running, peers() as (keyboard, recorder):
        await running.says("connected")
        score = [(i * 0.1, message) for i in range(8) for message in (ON, OFF)]
        sent = await play(keyboard, *score)
        await running.says("first note")
        await running.says("answered")
        heard = await until_heard(recorder, ons=8, offs=8)
        assert hanging(heard) == []
        assert {event.key for event in heard} == {(1, 67)}

        downs = [note for note in server.notes() if note.velocity]
        assert [note.tick for note in server.notes()] == sorted(note.tick for note in server.notes())
        assert downs[0].tick == 0
        assert all(abs(note.tick - 96 * i) < 20 for i, note in enumerate(downs))  # 0.1 s at 120 bpm
        due = [sent[0] + round((note.tick + 48) * 60e9 / 120 / 480) for note in downs]
        late = [event.at - when for event, when in zip([e for e in heard if e.is_on], due, strict=True)]
        assert sorted(late)[4] < 20_000_000
        await server.until(lambda: any(tick for tick in server.ticks()))

        statistics = await running.stop()
        assert statistics["notes_on"] == statistics["notes_off"] == 8
        assert statistics["in_time"] == 8
        assert statistics["late"] == statistics["dropped"] == 0
        assert statistics["lateness"]["count"] == statistics["reaction"]["count"] == 8
        assert server.left()


@pytest.mark.jack
async def test_a_cut_mid_note_falls_silent_and_the_music_goes_on_after_it(
    jack_server: dict[str, str], tmp_path: Path
) -> None:
    server = FakeServer(fifth_above(FOREVER))
    async with serving(server.handle) as url, bridge(url, tmp_path) as running, peers() as (keyboard, recorder):
        await running.says("connected")
        await play(keyboard, (0, ON))
        await until_heard(recorder, ons=1, offs=0)
        server.cut()
        assert hanging(await until_heard(recorder, ons=1, offs=1)) == []

        await running.says("connected")  # the ports, and what was connected to them, are still there
        await server.until(lambda: len(server.starts()) == 2)
        before = len(server.notes())
        await play(keyboard, (0, OFF), (0.05, ON), (0.1, OFF))
        await until_heard(recorder, ons=2, offs=1)
        await server.until(lambda: len(server.notes()) == before + 2)
        again = server.notes()[before:]
        assert [note.velocity for note in again] == [64, 0]  # the key-up of a note it never heard is not for it
        assert again[0].tick == 0  # a new session: bar 1, beat 1

        statistics = await running.stop()
        assert statistics["notes_on"] == statistics["notes_off"] == 2
        assert hanging(recorder.heard) == []


@pytest.mark.jack
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_however_the_bridge_ends_no_note_stays(jack_server: dict[str, str], tmp_path: Path, number: int) -> None:
    async def scene() -> None:
        server = FakeServer(fifth_above(FOREVER))
        async with serving(server.handle) as url, bridge(url, tmp_path) as running, peers() as (keyboard, recorder):
            await running.says("connected")
            await play(keyboard, (0, ON), (0, b"\x90\x40\x40"))
            await until_heard(recorder, ons=2, offs=0)
            if number == signal.SIGKILL:
                running.process.kill()
            else:
                statistics = await running.stop(number)
                assert statistics["notes_on"] == statistics["notes_off"] == 2
            assert hanging(await until_heard(recorder, ons=2, offs=2)) == []

    asyncio.run(scene())


@pytest.mark.jack
async def test_a_servers_silence_and_goodbye_end_what_sounds(jack_server: dict[str, str], tmp_path: Path) -> None:
    server = FakeServer(fifth_above(FOREVER))
    async with serving(server.handle) as url, bridge(url, tmp_path) as running, peers() as (keyboard, recorder):
        await running.says("connected")
        await play(keyboard, (0, ON))
        await until_heard(recorder, ons=1, offs=0)
        await server.say(Plan(silence=True))
        await until_heard(recorder, ons=1, offs=1)
        await play(keyboard, (0, OFF), (0, ON))
        await until_heard(recorder, ons=2, offs=1)
        await server.say(ServerBye(reason="closing time"))
        assert hanging(await until_heard(recorder, ons=2, offs=2)) == []


@pytest.mark.jack
async def test_a_server_that_hangs_ends_what_sounds_before_the_socket_is_closed(
    jack_server: dict[str, str], tmp_path: Path
) -> None:
    server = FakeServer(fifth_above(FOREVER))
    patient = "import clients.live; clients.live.CLOSE_S = 10.0; "
    async with (
        serving(server.handle) as url,
        bridge(url, tmp_path, prelude=patient) as running,
        peers() as (keyboard, recorder),
    ):
        await running.says("connected")
        await play(keyboard, (0, ON))
        await until_heard(recorder, ons=1, offs=0)
        server.hang()
        assert hanging(await until_heard(recorder, ons=1, offs=1)) == []  # waits for 5 s at most
        server.cut()
        await running.says("got silence")


@pytest.mark.jack
async def test_a_bridge_that_is_refused_tries_less_and_less_often_and_says_so_once(
    jack_server: dict[str, str], tmp_path: Path
) -> None:
    attempts: list[float] = []
    enough = asyncio.Event()

    async def full(socket: ServerConnection) -> None:
        attempts.append(asyncio.get_running_loop().time())
        if len(attempts) == 6:
            enough.set()
        async for text in socket:
            if '"hello"' in text:
                await socket.send(Welcome(session="s", server="0", model="m").model_dump_json())
            elif '"heartbeat"' in text:
                await socket.send(ServerHeartbeat().model_dump_json())
            elif '"start"' in text:
                await socket.send(ErrorMessage(code="full", reason="all seats are taken", fatal=True).model_dump_json())
                await socket.close(1013)
                return

    async with serving(full) as url, bridge(url, tmp_path) as running:
        await asyncio.wait_for(enough.wait(), 10)
        await running.stop()
    assert attempts[5] - attempts[0] > 0.8 * sum(FIRST_PAUSE_S * GROWTH**i for i in range(5))
    told = running.lines[1:-1]  # between the ports and the statistics
    assert len(told) == len(set(told)) == 3, told
    assert "connected" in told[0]
    assert "all seats are taken" in told[1]


@pytest.mark.jack
async def test_with_a_negative_offset_the_server_is_told_to_be_early(
    jack_server: dict[str, str], tmp_path: Path
) -> None:
    server = FakeServer(fifth_above(duration=24, after_ticks=97))
    async with (
        serving(server.handle) as url,
        bridge(url, tmp_path, offset_ms=-100) as running,
        peers() as (keyboard, recorder),
    ):
        await running.says("connected")
        (sent,) = await play(keyboard, (0, ON))
        heard = await until_heard(recorder, ons=1, offs=1)
        assert heard[0].at - sent < 80_000_000  # though its tick is 101 ms after the key's
        (note,) = server.notes()
        assert note.tick == 0
        before = [beat.tick for beat in server.heard[: server.heard.index(note)] if isinstance(beat, ClientHeartbeat)]
        assert before[-1] is not None
        assert 96 <= before[-1] < 96 + 48
        assert server.starts()[0].silence_ms == Start().silence_ms + 100
        await running.stop()


@pytest.mark.jack
async def test_a_mistake_in_sending_notes_is_not_kept_quiet(jack_server: dict[str, str], tmp_path: Path) -> None:
    server = FakeServer()
    broken = "import clients.live; clients.live.LiveClient.note = None; "
    async with (
        serving(server.handle) as url,
        bridge(url, tmp_path, prelude=broken) as running,
        peers() as (keyboard, _),
    ):
        await running.says("connected")
        await play(keyboard, (0, ON))
        await running.says("TypeError")
        assert await running.process.wait() == 1


@pytest.mark.jack
async def test_ports_open_before_there_is_a_server(jack_server: dict[str, str], tmp_path: Path) -> None:
    async with serving(FakeServer().handle) as url:
        pass
    server = FakeServer()
    async with bridge(url, tmp_path) as running:
        await running.says("expected a server at")
        async with serving(server.handle, port=int(re.findall(r":(\d+)/", url)[0])):
            await running.says("connected")
            await server.until(lambda: len(server.starts()) == 1)
            await running.stop()


@pytest.mark.jack
async def test_a_port_process_that_dies_young_ends_the_bridge(jack_server: dict[str, str], tmp_path: Path) -> None:
    async with serving(FakeServer().handle) as url, bridge(url, tmp_path) as running:
        children = Path(f"/proc/{running.process.pid}/task/{running.process.pid}/children")
        (child,) = children.read_text().split()
        os.kill(int(child), signal.SIGKILL)
        await running.says("expected the port process to stay, but it ended with status -9")
        assert await running.process.wait() == 1


@pytest.mark.jack
async def test_a_key_whose_keyboard_vanished_is_released(jack_server: dict[str, str], tmp_path: Path) -> None:
    """A tenth of a second instead of ten, so that the test need not wait."""
    server = FakeServer()
    short = "import clients.held_keys; clients.held_keys.LONGEST_HOLD = 100_000_000; "
    async with serving(server.handle) as url, bridge(url, tmp_path, prelude=short) as running:
        await running.says("connected")
        async with peers() as (keyboard, _):
            await play(keyboard, (0, ON))
        await server.until(lambda: [note.velocity for note in server.notes()] == [64, 0])
        await running.stop()


@pytest.mark.jack
async def test_a_second_bridge_is_told_of_the_first(jack_server: dict[str, str], tmp_path: Path) -> None:
    async with serving(FakeServer().handle) as url, bridge(url, tmp_path):
        with pytest.raises(AssertionError, match="stop the other bridge first"):
            async with bridge(url, tmp_path):
                pass


@pytest.mark.jack
async def test_a_bridge_never_listens_to_itself(jack_server: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="Tradefours would hear itself"):
        async with bridge("ws://127.0.0.1:9", tmp_path, inputs=["Tradefours Out"]):
            pass


@pytest.mark.jack
@pytest.mark.parametrize("wrong", [{"inputs": ["tradefours"], "output": "Synth"}, {"output": "Tradefours In"}])
async def test_a_bridge_never_listens_to_another(
    jack_server: dict[str, str], tmp_path: Path, wrong: dict[str, Any]
) -> None:
    async with serving(FakeServer().handle) as url, bridge(url, tmp_path):
        synthesiser = open_input("Synth", lambda message, at: None)
        try:
            with pytest.raises(AssertionError, match="Tradefours would hear itself"):
                async with bridge(url, tmp_path, **wrong):
                    pass
        finally:
            synthesiser.close()


def test_without_a_midi_system_it_says_so_and_returns_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_bridge(BridgeOptions(api="oss")) == 1
    assert "got 'oss'" in capsys.readouterr().err
