"""Two replicas under Ray Serve, and pieces as Ray's tasks: what dies costs a moment, and no music.

Real Ray, sockets and HAProxy; the tiny network.
"""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack
from importlib.util import find_spec
from pathlib import Path
from time import monotonic, sleep
from typing import Final

import pytest

from benchmarks.doors import known_to_haproxy
from clients.live import LiveClient
from music.errors import TradefoursError
from music.time import Tick
from server.ray_batch import write_some
from streaming.generations import GenerationOptions
from tests.conftest import ROOT
from tests.end_to_end.test_many_servers import has_resumed, lose, play, until_lost, until_plan
from tests.server.processes import free_port, wait_for
from tests.server.rest.test_routes import MIDI

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("ray") is None, reason="needs ray, of the extra ray: it starts a cluster"),
]

KEY: Final = "0123456789abcdef"
TOKEN: Final = "ray-token-0123456789abcdef0123456789"
PLAYERS: Final = 16
START_S: Final = 300.0  # half a minute, where the machine has nothing else to do
AGAIN_S: Final = 1.0  # a busy machine gets three times as much
FIRST_RETRY_S: Final = 0.05
PIECES: Final = 100

BATCH: Final = """
import os, signal, sys, threading, time
import ray
from pathlib import Path
from server.ray_batch import write_pieces
from streaming.generations import GenerationOptions
ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
def kill_one():
    while True:
        for cmdline in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                if cmdline.read_bytes().startswith(b"ray::write_some"):
                    os.kill(int(cmdline.parent.name), signal.SIGKILL)
                    print("killed", flush=True)
                    return
            except OSError:
                pass
        time.sleep(0.01)
threading.Thread(target=kill_one, daemon=True).start()
began = time.monotonic()
pieces = write_pieces(Path(sys.argv[3]).read_bytes(), GenerationOptions(bars=1), int(sys.argv[1]), model="tiny")
print(f"{time.monotonic() - began:.2f} s", flush=True)
Path(sys.argv[2]).write_bytes(b"".join(len(piece).to_bytes(4, "big") + piece for piece in pieces))
ray.shutdown()
"""


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return os.environ | {
        "TRADEFOURS_KEY": KEY,
        "TRADEFOURS_MODEL": "tiny",
        "TRADEFOURS_PORT": str(free_port()),
        "TRADEFOURS_MAX_SESSIONS": str(PLAYERS),
        "TRADEFOURS_JOURNAL": str(tmp_path / "journals"),
        "TRADEFOURS_GENERATIONS": str(tmp_path / "generations"),
        "RAY_AUTH_TOKEN": TOKEN,
        "RAY_AUTH_MODE": "token",
        "RAY_USAGE_STATS_ENABLED": "0",
    }


@pytest.fixture
def address(environ: dict[str, str]) -> Iterator[str]:
    command = [sys.executable, "-m", "server.ray_app", "--replicas", "2"]
    address = f"127.0.0.1:{environ['TRADEFOURS_PORT']}"
    with subprocess.Popen(command, cwd=ROOT, env=environ, start_new_session=True) as process:
        try:
            wait_for(f"http://{address}/ready", process, START_S, KEY)
            until = monotonic() + START_S
            while known_to_haproxy() < 2:
                assert monotonic() < until, "one only has come up"
                sleep(0.1)
            yield address
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()


def replicas() -> list[int]:
    """Their process ids."""
    found = []
    for cmdline in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if cmdline.read_bytes().startswith(b"ray::ServeReplica:tradefours"):
                found.append(int(cmdline.parent.name))
        except OSError:
            pass
    return found


def client(address: str, resume: LiveClient | None = None) -> LiveClient:
    url = f"ws://{address}/v1/live"
    return LiveClient(url, tick=lambda: Tick(600), keep_s=60, access_key=KEY, resume=resume)


async def test_players_stay_with_their_replica_and_go_on_in_the_other_one_when_it_dies(address: str) -> None:
    async with AsyncExitStack() as stack:
        players = await asyncio.gather(*(begun(stack, address, seed) for seed in range(PLAYERS)))
        for i, live in enumerate(players):
            await lose(live)
            players[i] = await stack.enter_async_context(client(address, live))
        resumed = [has_resumed(live) for live in players]
        assert all(resumed), f"{resumed}: by the replica that has it, or by the other one, to which it is handed over"

        ids = replicas()
        assert len(ids) == 2
        os.kill(ids[0], signal.SIGKILL)
        began = monotonic()
        back = await asyncio.gather(*(again(stack, address, live) for live in players))
    took = sorted(at - began for at in back if at is not None)
    print(f"{len(took)} of {PLAYERS} lost, back {took[0]:.3f} to {took[-1]:.3f} s after the kill")
    assert 0 < len(took) < PLAYERS, "both had some"
    assert took[-1] < 3 * AGAIN_S


async def begun(stack: AsyncExitStack, address: str, seed: int) -> LiveClient:
    live = await stack.enter_async_context(client(address))
    await live.start(mode="answer", seed=seed)  # which says little, so that a client that is slow has missed little
    await play(live, 0)
    await until_plan(live)
    return live


async def again(stack: AsyncExitStack, address: str, live: LiveClient) -> float | None:
    """When it goes on; None where it was not lost."""
    try:
        async with asyncio.timeout(AGAIN_S):
            await until_lost(live)
    except TimeoutError:
        return None
    while True:  # as our clients do: the first may be answered with 500, until HAProxy has noticed
        try:
            came = await stack.enter_async_context(client(address, live))
        except TradefoursError:
            await asyncio.sleep(FIRST_RETRY_S)
            continue
        assert has_resumed(came)
        return monotonic()


def test_a_worker_that_is_killed_costs_no_piece(environ: dict[str, str], tmp_path: Path) -> None:
    prompt, target = tmp_path / "in.mid", tmp_path / "pieces"
    prompt.write_bytes(MIDI)
    command = [sys.executable, "-c", BATCH, str(PIECES), str(target), str(prompt)]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    print(done.stdout)
    assert "killed" in done.stdout
    data, pieces = target.read_bytes(), []
    while data:
        length = int.from_bytes(data[:4], "big")
        pieces.append(data[4 : 4 + length])
        data = data[4 + length :]
    assert len(pieces) == len(set(pieces)) == PIECES
    assert pieces[-8:] == write_some(MIDI, GenerationOptions(bars=1), range(PIECES - 8, PIECES), "tiny")
