"""`serve`: the socket, the one line, and a clean end, in a process of its own."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from clients.live import tradefours_version
from music.errors import BadSetting
from server.serve import address, listen, netloc
from streaming.messages import SUBPROTOCOL
from tests.conftest import ROOT
from tests.server.running import PATIENCE_S, heard, say
from tests.server.test_connection import close_code

PROGRAM = """
import sys, threading
from music.errors import BadCheckpoint
from server.serve import LoadedEngine, serve
from server.settings import Settings
from tests.server.fakes import FakeEngine

def load_engine(settings):
    if settings.model == "missing":
        raise BadCheckpoint("expected weights named missing, got none")
    return LoadedEngine(FakeEngine(), settings.model, "dice")

def on_ready(netloc, stop):
    print(netloc, flush=True)
    stops.append(stop)
    if settings.model == "stopped":
        threading.Thread(target=lambda: (stop(), stop())).start()

stops = []

settings = Settings(port=int(sys.argv[1]), model=sys.argv[2])
code = serve(settings, load_engine, on_ready=on_ready)
for stop in stops:
    stop()
sys.exit(code)
"""


@contextmanager
def served(port: int = 0, model: str = "fake") -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", PROGRAM, str(port), model]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def first_lines(process: subprocess.Popen[str]) -> tuple[str, int]:
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    return line, int(process.stdout.readline().rpartition(":")[2])


@pytest.mark.parametrize("wish", [signal.SIGTERM, signal.SIGINT])
async def test_a_wish_to_stop_is_told_to_every_player_and_the_exit_code_is_0(wish: signal.Signals) -> None:
    with served() as process:
        line, port = first_lines(process)
        assert line == f"Tradefours {tradefours_version()} · model fake · http://127.0.0.1:{port}"
        url = f"ws://127.0.0.1:{port}/v1"
        options = {"proxy": None, "compression": None, "close_timeout": 0.2}
        async with (
            connect(f"{url}/live", subprotocols=[Subprotocol(SUBPROTOCOL)], **options) as player,  # type: ignore[arg-type]
            connect(f"{url}/live", subprotocols=[Subprotocol(SUBPROTOCOL)], **options) as deaf,  # type: ignore[arg-type]
            connect(f"{url}/watch", **options) as watcher,  # type: ignore[arg-type]
        ):
            deaf.transport.pause_reading()
            await say(player, type="hello")
            await say(player, type="start")
            await heard(player, "welcome")
            began = time.monotonic()
            process.send_signal(wish)
            assert (await heard(player, "bye")).reason == "the server is stopping"
            assert await close_code(player) == 1012
            assert await close_code(watcher) == 1012
            assert process.wait(PATIENCE_S) == 0
            assert time.monotonic() - began < 5
        assert process.stderr is not None
        told = [line.split(" session=")[0].split(" clients=")[0] for line in process.stderr.read().splitlines()]
        events = ["session begins", "clients are told to go", "session ends"]
        assert told == [f"INFO server: {event}" for event in events]


def test_who_runs_it_may_stop_it_from_any_thread_however_often_and_late() -> None:
    with served(model="stopped") as process:
        _, err = process.communicate(timeout=PATIENCE_S)
    assert (err, process.returncode) == ("", 0)


def test_a_taken_port_is_one_sentence_and_exit_code_1() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with served(port) as process:
            out, err = process.communicate(timeout=PATIENCE_S)
    assert (out, process.returncode) == ("", 1)
    assert err == f"port {port} on 127.0.0.1 is taken: another server runs there; choose --port\n"


def test_weights_that_are_missing_are_one_sentence_and_exit_code_1() -> None:
    with served(model="missing") as process:
        out, err = process.communicate(timeout=PATIENCE_S)
    assert (out, err, process.returncode) == ("", "expected weights named missing, got none\n", 1)


@pytest.mark.parametrize("host", ["203.0.113.9", "no-such-host.invalid"])
def test_a_host_that_is_not_ours_is_one_sentence(host: str) -> None:
    with pytest.raises(BadSetting, match=f"{host}"):
        listen(host, 0)


def test_the_port_is_claimed_before_the_engine_is_loaded() -> None:
    with listen("127.0.0.1", 0) as first, pytest.raises(BadSetting, match="is taken"):
        listen("127.0.0.1", first.getsockname()[1])


@pytest.mark.parametrize(
    ("host", "reached"),
    [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::1", "[::1]"), ("::", "[::1]")],
)
def test_the_bridge_is_told_an_address_that_reaches_the_listener(host: str, reached: str) -> None:
    if ":" in host and not sockets_speak_ipv6():
        pytest.skip("needs IPv6")
    with listen(host, 0) as listener:
        place = netloc(listener)
        name, _, port = place.rpartition(":")
        assert name == reached
        socket.create_connection((name.strip("[]"), int(port)), PATIENCE_S).close()


def sockets_speak_ipv6() -> bool:
    try:
        listen("::1", 0).close()
    except BadSetting:
        return False
    return True


def test_an_ipv6_address_is_written_as_browsers_want_it() -> None:
    assert address("::1", 80) == "http://[::1]:80"
    assert address("localhost", 80) == "http://localhost:80"
