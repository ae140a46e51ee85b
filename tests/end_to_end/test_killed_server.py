"""The server is killed while both play: the bridge falls silent, and goes on with the same set in the next server.

Real servers and a real WebSocket; the ports alone are of this test, so that it needs no MIDI system.
"""

import asyncio
import socket
import time
from collections import Counter
from collections.abc import Awaitable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import clients.bridge
import clients.inputs
from clients.bridge import Bridge
from clients.bridge_options import BridgeOptions
from clients.times import Times
from music.files import write_midi
from music.time import Nanos
from server.journals import read_journal
from streaming.playout import Playout, PortMessage
from tests.server.processes import free_port, server_process
from tests.server.test_journals import humans

MS = 1_000_000
SILENT_MS, AGAIN_MS = 100, 1000  # what we want; a busy machine gets three times as much
PATIENCE_S = 55.0


class Port:
    """An output port whose bytes are kept, with the moment at which they left."""

    name = "out"

    def __init__(self, *_: Any, **__: Any) -> None:
        self.sent: list[tuple[int, PortMessage]] = []
        self.notes_on = self.notes_off = 0
        self.lateness = Times()
        self._playout = Playout()
        self._task: asyncio.Task[None] | None = None

    @property
    def ons(self) -> list[PortMessage]:
        return [message for _, message in self.sent if message.is_on]

    @property
    def sounding(self) -> tuple[int, ...]:
        return self._playout.sounding

    async def open(self) -> None:
        self._task = asyncio.create_task(self._play())

    async def close(self) -> None:
        self.silence()
        assert self._task is not None
        self._task.cancel()

    def schedule(self, **note: Any) -> None:
        self._playout.schedule(**note)

    def pulse(self, due: Nanos, message: bytes) -> None:
        pass

    def silence(self) -> None:
        self._keep(self._playout.silence())

    async def _play(self) -> None:
        while True:
            self._keep(self._playout.pop_due(Nanos(time.monotonic_ns())))
            await asyncio.sleep(0.002)

    def _keep(self, messages: list[PortMessage]) -> None:
        self.sent += [(time.monotonic_ns(), message) for message in messages]


class Keys:
    """An input port that the test plays."""

    name = "in"

    def __init__(self, arrived: Any) -> None:
        self._arrived = arrived
        self.pitches: Counter[int] = Counter()

    async def play(self, *pitches: int) -> None:
        for pitch in pitches:
            self.pitches[pitch] += 1
            self._arrived(bytes((0x90, pitch, 80)), Nanos(time.monotonic_ns()))
            await asyncio.sleep(0.06)
            self._arrived(bytes((0x80, pitch, 0)), Nanos(time.monotonic_ns()))
            await asyncio.sleep(0.06)

    def close(self) -> None:
        pass


async def until(happened: Any) -> int:
    async with asyncio.timeout(PATIENCE_S):
        while not happened():
            await asyncio.sleep(0.001)
    return time.monotonic_ns()


async def timed(work: Awaitable[object]) -> int:
    await work
    return time.monotonic_ns()


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


async def test_no_note_hangs_is_lost_or_sounds_twice_and_the_music_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports: list[Port] = []
    keys: list[Keys] = []

    def open_output(*_: Any, **__: Any) -> Port:
        ports.append(Port())
        return ports[-1]

    def open_input(name: str, arrived: Any, **_: Any) -> Keys:
        keys.append(Keys(arrived))
        return keys[-1]

    monkeypatch.setattr(clients.bridge, "OutPort", open_output)
    monkeypatch.setattr(clients.inputs, "open_input", open_input)
    address, stop = free_port(), asyncio.Event()
    bridge = Bridge(BridgeOptions(url=f"ws://127.0.0.1:{address}/v1/live", mode="duet", key="C major"))
    (out,) = ports
    running = asyncio.create_task(bridge.run(stop))
    with server_process(address, journal=tmp_path, engine="torch") as first:
        await until(lambda: bridge._talk.is_connected)
        (keyboard,) = keys
        await keyboard.play(*range(60, 70))
        await until(lambda: out.sounding)
        first.kill()
        killed = time.monotonic_ns()
        noticed = await until(lambda: not bridge._talk.is_connected)
        silent = await until(lambda: not out.sounding)
        await keyboard.play(70, 71)
        before = len(out.sent)
    await keyboard.play(72)
    with ExitStack() as servers:
        starting = asyncio.to_thread(servers.enter_context, server_process(address, journal=tmp_path, engine="torch"))
        ready = asyncio.create_task(timed(starting))
        listening = await until(lambda: listens(address))
        again = await until(lambda: any(message.is_on for _, message in out.sent[before:]))
        await ready
        await keyboard.play(73, 74)
        await asyncio.sleep(0.2)
        stop.set()
        await running
    print(
        f"noticed after {(noticed - killed) / MS:.0f} ms, silent {(silent - noticed) / MS:.1f} ms later; "
        f"music {(again - listening) / MS:.0f} ms after the port was back, "
        f"{(again - ready.result()) / MS:.0f} ms after the server was ready"
    )
    ons = Counter(message.id for message in out.ons)
    assert max(ons.values()) == 1, "a note sounded twice"
    assert Counter(message.id for _, message in out.sent if not message.is_on) == ons
    assert not out.sounding
    assert silent - noticed < 3 * SILENT_MS * MS
    assert again - listening < 3 * AGAIN_MS * MS
    (path,) = tmp_path.glob("*.journal")
    truth = read_journal(path).truth
    assert truth.lives == 1
    played = humans(write_midi(truth.score()))
    assert Counter(pitch for _, pitch in played.elements()) == keyboard.pitches
