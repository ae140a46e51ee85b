"""Playing live with a network for solo piano: a real server, a real engine, random weights, and a real clock."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection

from model import registry
from model.checkpoint import save_network
from server.doctor import Findings, _measure_decoding
from server.engine_choice import load_engine
from server.settings import Settings
from streaming.messages import Plan
from tests.model.random_networks import random_network
from tests.model.random_performers import random_performer
from tests.server.running import PATIENCE_S, Running, heard, run_server, say

BPM = 125  # a tick is a millisecond
SILENCE_MS = 100
PHRASE_MS = 400


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pianist")
    save_network(random_performer(), folder, about={})
    return folder


@pytest.fixture(scope="module", params=["auto", "torch"])
def running(folder: Path, request: pytest.FixtureRequest) -> Iterator[Running]:
    with run_server(loaded=load_engine(Settings(model=str(folder), engine=request.param))) as server:
        yield server


async def play_phrase(socket: ClientConnection) -> None:
    """Three keys above one that is held, so that the phrase cannot end too early on a busy machine."""
    begin = time.monotonic()
    keys = [(0, 48, 80), *((100 * i + at, 60 + i, velocity) for i in (1, 2, 3) for at, velocity in ((0, 80), (50, 0)))]
    for tick, pitch, velocity in (*keys, (PHRASE_MS, 48, 0)):
        await asyncio.sleep(max(0.0, begin + tick / 1000 - time.monotonic()))
        await say(socket, type="note", tick=tick, part=0, pitch=pitch, velocity=velocity)


async def test_a_phrase_is_answered(running: Running) -> None:
    async with running.playing(bpm=BPM, silence_ms=SILENCE_MS, answer_bars=1) as socket:
        await play_phrase(socket)
        added, committed = dict[int, int](), set[int]()
        async with asyncio.timeout(PATIENCE_S):
            while not committed:
                plan: Plan = await heard(socket, "plan")
                added |= {note.id: note.tick for note in plan.add}
                committed |= set(plan.commit)
    assert min(added.values()) >= PHRASE_MS + SILENCE_MS
    assert committed <= added.keys()


async def test_another_mode_is_refused_and_the_client_may_ask_again(running: Running) -> None:
    async with running.playing(mode="duet", bpm=BPM) as socket:
        error = await heard(socket, "error")
        assert (error.code, error.fatal) == ("bad_setting", False)
        assert error.reason == "expected mode answer with a network for solo piano, got duet"
        await say(socket, type="start", bpm=BPM, silence_ms=SILENCE_MS)
        await say(socket, type="control", mode="trade")
        assert "expected mode answer" in (await heard(socket, "error")).reason
        await play_phrase(socket)
        assert await heard(socket, "plan")


def test_the_doctor_measures_it_and_says_what_it_plays(folder: Path) -> None:
    findings = Findings()
    _measure_decoding(findings, str(folder))
    assert findings.plays == "solo piano, in answers"
    assert findings.decode_ms


def test_the_automatic_choice_never_takes_it(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "WEIGHTS", tmp_path)
    save_network(random_performer(width=128, hidden=512), tmp_path / "perceivers-large", about={})
    save_network(random_network(), tmp_path / "little", about={})
    loaded = load_engine(Settings(engine="torch"))
    assert (loaded.model, loaded.solo_context) == ("little", None)
    pianist = load_engine(Settings(engine="torch", model="perceivers"))
    assert pianist.solo_context == 64
