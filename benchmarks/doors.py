"""`tradefours bench doors`: what a player pays for the way in: straight to a server, past HAProxy, under Ray Serve.

Servers in processes of their own, with the tiny network, and a session at each door; then, by turns, heartbeats and
their answers. `added_ms_p50`: the median, over the rounds, of what a door takes more than the straight way. Doors
whose programs are not here are left out.
"""

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import monotonic, perf_counter_ns, sleep
from typing import Final
from urllib.request import ProxyHandler, Request, build_opener

from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from benchmarks.programs import ended, free_port, serving
from benchmarks.report import ROOT, Row, write_report
from benchmarks.rounds import Timed, interleave
from clients.access import bearer
from music.errors import TradefoursError
from streaming.messages import SUBPROTOCOL, ClientHeartbeat, Hello, Message, Start
from streaming.wire import JSON_WIRE

MODEL: Final = "tiny"
KEY: Final = "a-key-for-a-bench"
STRAIGHT: Final = "straight"
TURN: Final = 20  # heartbeats, then it is the next door's turn
PAUSE_S: Final = 0.006  # between them: a server bears 200 messages a second of a player
QUICK_S: Final = 10.0
FULL_S: Final = 60.0
HAPROXY_S: Final = 10.0  # to start
RAY_S: Final = 300.0  # likewise; a tenth of it where the machine has nothing else to do
RAYS_HAPROXY: Final = "127.0.0.1:8404/stats;csv"  # what it says of itself
REPLICAS: Final = 2


def bench_doors(*, quick: bool, json_file: Path | None) -> int:
    """Measure, print, write. Returns the exit code."""
    with ExitStack() as stack:
        enter = stack.enter_context
        address = enter(serving(MODEL)).removeprefix("ws://").partition("/")[0]
        doors = {STRAIGHT: address}
        if shutil.which("haproxy"):
            doors["HAProxy"] = enter(haproxy(address))
        if find_spec("ray"):
            doors["Ray"] = enter(replicas())
        sockets = {name: enter(session(door)) for name, door in doors.items()}
        beats = {name: partial(heartbeats, socket) for name, socket in sockets.items()}
        timed = interleave(beats, QUICK_S if quick else FULL_S)
    rows = [_row(name, each, timed[STRAIGHT]) for name, each in timed.items()]
    missing = [f"{name} is not here." for name in ("HAProxy", "Ray") if name not in doors]
    added = {f"{row['door']}_added_ms".lower(): float(str(row["added_ms_p50"])) for row in rows[1:]}
    write_report("doors", rows, added, json_file, missing)
    return 0


def _row(name: str, timed: Timed, straight: Timed) -> Row:
    added = (median(ours) - median(theirs) for ours, theirs in zip(timed.rounds, straight.rounds, strict=True))
    quantiles = {"ms_p50": timed.median, "ms_p95": timed.quantile(0.95), "added_ms_p50": median(added)}
    return {"door": name, "heartbeats": sum(map(len, timed.rounds))} | {
        key: round(ms, 3) for key, ms in quantiles.items()
    }


def heartbeats(socket: ClientConnection) -> list[float]:
    """The milliseconds of each, from saying it to having read the answer."""
    return [_heartbeat(socket) for _ in range(TURN)]


def _heartbeat(socket: ClientConnection) -> float:
    sleep(PAUSE_S)
    began = perf_counter_ns()
    _say(socket, ClientHeartbeat(ping_ns=began))
    while json.loads(socket.recv()).get("ping_ns") != began:
        pass
    return (perf_counter_ns() - began) / 1e6


def _say(socket: ClientConnection, message: Message) -> None:
    socket.send(JSON_WIRE.encode(message))


@contextmanager
def session(address: str) -> Iterator[ClientConnection]:
    with connect(
        f"ws://{address}/v1/live?player=doors",
        subprotocols=[Subprotocol(SUBPROTOCOL)],
        additional_headers=bearer(KEY),
        compression=None,
        proxy=None,
    ) as socket:
        _say(socket, Hello(client="tradefours bench"))
        _say(socket, Start())
        yield socket


# ---- the doors -------------------------------------------------------------------------------------------


@contextmanager
def haproxy(server: str) -> Iterator[str]:
    """As docs/operations.md sets it up, before one server."""
    port = free_port()
    told = {"TRADEFOURS_PORT": str(port), "TRADEFOURS_A": server, "TRADEFOURS_B": server}
    with started(["haproxy", "-q", "-f", "deploy/haproxy.cfg"], told, port, HAPROXY_S) as address:
        yield address


@contextmanager
def replicas() -> Iterator[str]:
    """Two of them under Ray Serve."""
    port = free_port()
    with TemporaryDirectory() as folder:
        told = {
            "TRADEFOURS_KEY": KEY,
            "TRADEFOURS_MODEL": MODEL,
            "TRADEFOURS_PORT": str(port),
            "TRADEFOURS_JOURNAL": f"{folder}/journals",
            "TRADEFOURS_GENERATIONS": f"{folder}/generations",
            "RAY_AUTH_TOKEN": 2 * KEY,
            "RAY_AUTH_MODE": "token",
        }
        command = [sys.executable, "-m", "server.ray_app", "--replicas", str(REPLICAS)]
        with started(command, told, port, RAY_S) as address:
            until = monotonic() + RAY_S
            while known_to_haproxy() < REPLICAS:  # who comes before has Ray's own proxy, in Python, between
                if monotonic() > until:
                    raise TradefoursError(f"expected {REPLICAS} replicas behind HAProxy, got {known_to_haproxy()}")
                sleep(0.1)
            yield address


@contextmanager
def started(command: list[str], told: Mapping[str, str], port: int, patience_s: float) -> Iterator[str]:
    """`told`: its environment, besides ours. Yields the address once a player may come."""
    address, until = f"127.0.0.1:{port}", monotonic() + patience_s
    with subprocess.Popen(command, cwd=ROOT, env=os.environ | told) as process, ended(process):
        while _fetched(f"{address}/ready") is None:
            if process.poll() is not None or monotonic() > until:
                raise TradefoursError(f"expected {command[0]} to let players in, got nothing at {address}")
            sleep(0.1)
        yield address


def known_to_haproxy() -> int:
    """The replicas that Ray's HAProxy sends players to: one alone is enough for `/ready`."""
    rows = csv.DictReader((_fetched(RAYS_HAPROXY) or b"").decode().splitlines())
    return sum("SERVE_REPLICA" in row["svname"] and row["status"].startswith("UP") for row in rows)


def _fetched(url: str) -> bytes | None:
    """None where nobody answers, or not well."""
    try:
        with build_opener(ProxyHandler({})).open(Request(f"http://{url}", headers=bearer(KEY))) as answer:
            return bytes(answer.read())
    except OSError:
        return None
