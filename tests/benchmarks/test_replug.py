"""A short share of `bench replug`: cables are pulled while both play, and all that is in again is heard."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from benchmarks import replug
from benchmarks.cables import HANDS, PIANO, SYNTH, Piano, Synth
from music.messages import note_off, note_on, panic_messages
from music.time import Nanos
from tests.clients.fake_server import FakeServer, serving
from tests.clients.test_bridge import bridge, fifth_above


class Wire:
    """Between the bridge and a server of this test's loop: cut, it is there again at once."""

    def __init__(self, server: FakeServer) -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()

    def plug(self) -> None: ...

    def unplug(self) -> None:
        self._loop.call_soon_threadsafe(self._server.cut)


class InTurn(Random):
    """Chance, but each cable as often as the others."""

    turn = 0

    def choice(self, choices: Any) -> Any:
        self.turn += 1
        return choices[self.turn % len(choices)]


@contextmanager
def plugged(*cables: Piano | Synth) -> Iterator[None]:
    for cable in cables:
        cable.plug()
    try:
        yield
    finally:
        for cable in cables:
            cable.unplug()


@pytest.mark.jack
@pytest.mark.slow
async def test_what_is_unplugged_plays_on_when_it_is_back_and_no_note_hangs(
    jack_server: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replug, "PLAYS_S", (0.1, 0.2))
    monkeypatch.setattr(replug, "AWAY_S", (0.3, 0.4))
    server, piano, synth = FakeServer(fifth_above(duration=24)), Piano(1), Synth()
    options: dict[str, Any] = {"inputs": [PIANO], "output": SYNTH, "thru": True}
    opened = f"{PIANO}:{PIANO}, {SYNTH}:{SYNTH}"
    with plugged(piano, synth):
        async with serving(server.handle) as url, bridge(url, tmp_path, opened=opened, **options) as running:
            await running.says("connected")
            cables: dict[str, replug.Cable] = {"piano": piano, "synth": synth, "server": Wire(server)}
            again = await asyncio.to_thread(replug.pull, cables, synth, 3, InTurn())
            await asyncio.to_thread(piano.close)
            await running.stop()
            assert {name: len(times) for name, times in again.items()} == {"piano": 1, "synth": 1, "server": 1}
            assert synth.notes_on > 0
            assert synth.sounding == 0


def test_an_instrument_counts_what_hangs_until_it_is_told_to_end() -> None:
    synth = Synth()
    for message in (note_on(HANDS, 60, 80), note_on(1, 60, 80), note_on(1, 64, 80), note_off(HANDS, 60)):
        synth.hear(message, Nanos(0))
    assert (synth.notes_on, synth.sounding) == (3, 2)
    for message in panic_messages(1):
        synth.hear(message, Nanos(0))
    assert synth.sounding == 0
