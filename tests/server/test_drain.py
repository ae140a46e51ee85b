"""A server that is told to stop, in a process of its own: everything is kept, and five seconds are enough."""

import asyncio
import json
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from clients.live import LiveClient
from music.files import write_midi
from music.score import Note, Part, Score
from music.time import Tick
from streaming.messages import SUBPROTOCOL, Plan, ServerBye, ServerHeartbeat
from tests.server.processes import free_port, server_process, started
from tests.server.running import PATIENCE_S, heard, say
from tests.server.test_connection import close_code

PROMISED_S = 5.0
MIDI = write_midi(Score((Part(0),), tuple(Note(Tick(i * 240), 0, 60 + i % 7, 80, 200) for i in range(40))))
OPTIONS: dict[str, Any] = {"proxy": None, "compression": None, "close_timeout": 0.2}

HANGS = """
import sys, threading
from server.serve import LoadedEngine, serve
from server.settings import Settings
from tests.server.fakes import FakeEngine

class Hangs(FakeEngine):
    def run(self, work):
        print("hangs", flush=True)
        threading.Event().wait()

settings = Settings(port=int(sys.argv[1]), generations=sys.argv[2], log_level="error")
sys.exit(serve(settings, lambda _: LoadedEngine(Hangs(), "fake", "dice")))
"""


def asked(http: httpx.Client) -> str:
    """For more than can be written in a moment."""
    query = {"variations": 64, "bars": 60, "seed": 3}
    answer = http.post("/v1/generations", params=query, content=MIDI, headers={"content-type": "audio/midi"})
    return answer.headers["location"]


def deaf_reader(port: int, path: str) -> socket.socket:
    """A request whose answer nobody reads."""
    deaf = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
    deaf.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    return deaf


async def test_nothing_is_lost_and_the_next_server_goes_on_whoever_does_not_read(tmp_path: Path) -> None:
    port = free_port()
    kept: dict[str, Any] = {"journal": tmp_path / "journal", "generations": tmp_path / "jobs", "log_format": "json"}
    url = f"ws://127.0.0.1:{port}/v1/live"
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as http:
        with server_process(port, stderr=subprocess.PIPE, **kept) as process:
            job = asked(http)
            async with (
                LiveClient(url, tick=lambda: Tick(600), keep_s=30) as live,
                connect(url, subprotocols=[Subprotocol(SUBPROTOCOL)], **OPTIONS) as deaf,
            ):
                await say(deaf, type="hello", keep_s=30)
                await say(deaf, type="start", mode="duet")
                deaf.transport.pause_reading()
                await live.start(mode="duet")
                await live.note(0, 60, 90)
                with deaf_reader(port, f"{job}/events"), deaf_reader(port, "/band.sf3"):
                    began = time.monotonic()
                    process.send_signal(signal.SIGTERM)
                    last = [message async for message in live if not isinstance(message, ServerHeartbeat)][-2:]
                    assert process.wait(PATIENCE_S) == 0
                    assert time.monotonic() - began < PROMISED_S
            assert process.stderr is not None
            told = [json.loads(line) for line in process.stderr.read().splitlines()]
        assert [type(message) for message in last] == [Plan, ServerBye]
        assert isinstance(last[0], Plan)
        assert last[0].silence
        about = {line["event"]: line for line in told}
        assert about["clients are told to go"]["clients"] == 2
        assert [each["outcome"] for each in told if each["event"] == "session ends"] == ["stopped"] * 2
        assert about["job"]["status"] == "put_back"
        with server_process(port, **kept):
            async with LiveClient(url, tick=lambda: Tick(700), keep_s=30, resume=live) as again:
                assert again.welcome is not None
                assert again.welcome.resumed
            before = http.get(job).json()
            async with asyncio.timeout(PATIENCE_S):
                while before["progress"] < 1 and http.get(job).json()["progress"] <= before["progress"]:
                    await asyncio.sleep(0.01)


@asynccontextmanager
async def hanging(folder: Path) -> AsyncIterator[tuple[subprocess.Popen[str], ClientConnection, str]]:
    """A server whose engine hangs, since somebody plays; its player, and its address."""
    netloc = f"127.0.0.1:{free_port()}"
    with started(HANGS, netloc.rpartition(":")[2], str(folder)) as process:
        async with connect(f"ws://{netloc}/v1/live", subprotocols=[Subprotocol(SUBPROTOCOL)], **OPTIONS) as player:
            await say(player, type="hello")
            await say(player, type="start", mode="duet")
            await say(player, type="note", tick=0, pitch=60, velocity=80)
            assert process.stdout is not None
            assert await asyncio.to_thread(process.stdout.readline) == "hangs\n"
            yield process, player, f"http://{netloc}"


async def test_from_the_signal_on_nobody_is_let_in_and_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    async with hanging(tmp_path) as (process, _, url), httpx.AsyncClient(base_url=url, trust_env=False) as http:
        assert (await http.get("/ready")).status_code == 200
        process.send_signal(signal.SIGTERM)
        with suppress(httpx.TransportError):  # soon it does not even listen
            while (answer := await http.get("/ready")).status_code == 200:  # the signal is on its way
                pass
            assert (answer.status_code, answer.json()["reason"]) == (503, "the server is stopping")
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, PATIENCE_S) == 128 + signal.SIGTERM
        assert time.monotonic() - began < 1


async def test_an_engine_that_hangs_is_left_behind_in_time(tmp_path: Path) -> None:
    async with hanging(tmp_path) as (process, player, _):
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        await heard(player, "bye")
        assert await close_code(player) == 1012
        assert await asyncio.to_thread(process.wait, PATIENCE_S) == 0
        assert time.monotonic() - began < PROMISED_S
