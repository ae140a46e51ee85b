"""Keyboard, instrument and server are unplugged and plugged in again, at random, while both play: does a note hang?

Everything is real: `tradefours bridge --thru` on a private JACK server, and a server that is killed.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import monotonic, monotonic_ns, sleep
from typing import Final, Protocol

from benchmarks.cables import PIANO, SYNTH, Piano, Server, Synth, read_on
from benchmarks.jack import private_jack
from benchmarks.live_ports import environment
from benchmarks.programs import LEAVE_S, free_port, line_with, program
from benchmarks.report import Row, write_report
from clients.times import Times
from music.errors import TradefoursError

ROUNDS, QUICK_ROUNDS = 200, 8
SEED: Final = 4
PLAYS_S: Final = (0.2, 0.8)  # before a cable is pulled
AWAY_S: Final = (0.3, 1.5)
DEAF_S: Final = 20.0  # without a note since the cable is in again
AGAIN: Final = {"piano": ("hands",), "synth": ("hands", "machine"), "server": ("machine",)}  # who is then heard


class Cable(Protocol):
    def plug(self) -> None: ...

    def unplug(self) -> None: ...


def bench_replug(*, quick: bool, json_file: Path | None) -> int:
    """1 where a note hangs, a cable stays deaf or the bridge is no more."""
    if shutil.which("jackd") is None:
        raise TradefoursError("expected jackd for private MIDI ports, got none: on Debian install jackd2")
    rounds = QUICK_ROUNDS if quick else ROUNDS
    synth = Synth()
    with TemporaryDirectory() as folder, private_jack(Path(folder) / "jack.log") as env, environment(env):
        again, code = _with_a_bridge(synth, rounds, Path(folder))
    rows: list[Row] = [_row(name, times) for name, times in again.items()]
    deaf = rounds - sum(map(len, again.values()))
    failed = code != 0
    figures: dict[str, float] = {"rounds": rounds, "stuck": synth.sounding, "deaf": deaf, "crashes": int(failed)}
    figures |= {"notes_on": synth.notes_on, "longest_s": synth.longest_ns / 1e9}
    write_report("replug", rows, figures, json_file)
    return int(failed or deaf > 0 or synth.sounding > 0)


def _with_a_bridge(synth: Synth, rounds: int, folder: Path) -> tuple[dict[str, Times], int]:
    """How long each took to be heard again, and the bridge's exit status."""
    port = free_port()
    server, piano = Server(port, "--journal", str(folder / "journal")), Piano(SEED)
    options = ("--url", f"ws://127.0.0.1:{port}/v1/live", "--api", "jack", "--mode", "duet", "--thru")
    cables: dict[str, Cable] = {"piano": piano, "synth": synth, "server": server}
    try:
        for cable in cables.values():
            cable.plug()
        with program("bridge", *options, "--in", PIANO, "--out", SYNTH) as bridge:
            line_with(bridge, "connected")
            read_on(bridge, lambda line: None)
            again = pull(cables, synth, rounds, Random(SEED))
            piano.close()
            bridge.terminate()
            code = bridge.wait(LEAVE_S)
            sleep(0.1)  # a cycle or two of JACK's
        return again, code
    finally:
        piano.close()
        synth.unplug()
        server.unplug()


def pull(cables: Mapping[str, Cable], synth: Synth, rounds: int, chance: Random) -> dict[str, Times]:
    """For each cable how long it took, in nanoseconds, until it was heard again; those that never were are missing."""
    again = {name: Times() for name in cables}
    for _ in range(rounds):
        name = chance.choice(list(cables))
        sleep(chance.uniform(*PLAYS_S))
        cables[name].unplug()
        sleep(chance.uniform(*AWAY_S))
        cables[name].plug()
        since, deadline = monotonic_ns(), monotonic() + DEAF_S
        while min(synth.heard_at[who] for who in AGAIN[name]) < since and monotonic() < deadline:
            sleep(0.01)
        if monotonic() < deadline:
            again[name].add(monotonic_ns() - since)
    return again


def _row(name: str, times: Times) -> Row:
    summary = times.summary_ms()
    return {"cable": name, "pulled": len(times), "again_p50_ms": summary["p50_ms"], "again_p95_ms": summary["p95_ms"]}
