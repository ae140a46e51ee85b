"""A server that is killed while it writes: the next one goes on, and every piece is there once, as if undisturbed."""

import os
import signal
import sqlite3
import time
from pathlib import Path

import httpx

from model.engine.backends import make_engine
from model.engine.together import run_together
from model.registry import load
from music.files import read_midi, write_midi
from music.score import Note, Part, Score
from music.time import Tick
from server.batch import SEQUENCES
from server.composing import prepare
from server.rest.store import FILE
from streaming.generations import GenerationOptions
from tests.server.processes import free_port, server_process

PIECES, BARS, SEED = 100, 2, 40
PATIENCE_S = 60.0
MIDI = write_midi(Score((Part(0),), tuple(Note(Tick(i * 240), 0, 60 + i % 7, 80, 200) for i in range(40))))


def undisturbed() -> list[bytes]:
    """What the same network writes offline, side by side in other company."""
    engine = make_engine(load("tiny"), threads=1, max_sequences=SEQUENCES)
    order = prepare(GenerationOptions(bars=BARS), read_midi(MIDI), engine.capacity)
    writers = [order.write(engine, SEED + i) for i in range(PIECES)]
    return [write_midi(order.whole(added)) for added in run_together(engine, writers, at_once=5)]


def test_after_a_kill_every_piece_is_there_once_and_as_if_undisturbed(tmp_path: Path) -> None:
    port = free_port()
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=PATIENCE_S) as client:
        with server_process(port, generations=tmp_path) as process:
            query = {"variations": PIECES, "bars": BARS, "seed": SEED}
            asked = client.post("/v1/generations", params=query, content=MIDI, headers={"content-type": "audio/midi"})
            url = asked.headers["location"]
            until = time.monotonic() + PATIENCE_S
            while not (done := client.get(url).json()["done"]):
                assert time.monotonic() < until
            first = done[0]
            early = client.get(f"{url}/result", params={"piece": first}).content
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        with sqlite3.connect(tmp_path / FILE) as file:
            (written,) = file.execute("SELECT count(*) FROM pieces").fetchone()
        file.close()
        assert 0 < written < PIECES, "expected it to be killed in the middle"
        with server_process(port, generations=tmp_path):
            with client.stream("GET", f"{url}/events") as events:
                last = [line for line in events.iter_lines() if line.startswith("data: ")][-1]
            assert '"status":"succeeded"' in last
            pieces = [client.get(f"{url}/result", params={"piece": n + 1}).content for n in range(PIECES)]
    assert pieces == undisturbed()
    assert pieces[first - 1] == early
