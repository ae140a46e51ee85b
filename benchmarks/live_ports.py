"""The whole way, measured at real MIDI ports: `tradefours serve` and `tradefours bridge` on a private JACK server.

The keyboard and the recorder are in this process; JACK's period (1.3 ms) is in what the recorder hears.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from time import monotonic, monotonic_ns, sleep
from typing import Any

from benchmarks.jack import private_jack
from benchmarks.live_figures import MODES, SEED, Measured
from benchmarks.performance import Phrase, edges, messages, pauses_until, phrases
from benchmarks.programs import LEAVE_S, line_with, program, serving
from benchmarks.time_bar import time_bar
from clients.ports import INPUT_NAME, OUTPUT_NAME, OutputPort, open_input, open_output
from clients.times import Times
from music.errors import TradefoursError
from music.time import Nanos
from streaming.messages import Mode


def measure_ports(model: str, seconds: float) -> list[Measured]:
    """Both modes, `seconds` each."""
    if shutil.which("jackd") is None or shutil.which("jack_lsp") is None:
        raise TradefoursError("expected jackd and jack_lsp for private MIDI ports, got none: on Debian install jackd2")
    with (
        TemporaryDirectory() as folder,
        private_jack(Path(folder) / "jack.log") as env,
        environment(env),
        serving(model) as url,
    ):
        measured = []
        for mode in MODES:
            with time_bar(seconds, mode):
                measured.append(measure_mode(url, mode, phrases(seconds, SEED), seconds, Path(folder)))
        return measured


def measure_mode(url: str, mode: Mode, performance: Sequence[Phrase], seconds: float, folder: Path) -> Measured:
    """Play the performance into the bridge's port, in real time."""
    ear = Ear()
    stats = folder / f"{mode}.json"
    with _bridge(url, mode, stats) as bridge:
        recorder = open_input(OUTPUT_NAME, ear.hear, virtual=False, api="jack", own_too=True)
        keyboard = open_output(INPUT_NAME, virtual=False, api="jack", own_too=True)
        try:
            sent = play(keyboard, performance, seconds)
            bridge.terminate()
            bridge.communicate(timeout=LEAVE_S)
            ear.wait_until_all_ended(LEAVE_S)
        finally:
            keyboard.close()
            recorder.close()
    firsts, lasts = edges(performance)
    starts, ends = [sent[i] for i in firsts], [sent[i] for i in lasts]
    answers = pauses_until(ear.onsets, ends, starts) if mode == "answer" else []
    return _measured(mode, seconds, performance, answers, ear, json.loads(stats.read_text()))


def _measured(
    mode: Mode, seconds: float, performance: Sequence[Phrase], answers: Sequence[int], ear: "Ear", stats: dict[str, Any]
) -> Measured:
    return Measured(
        mode=mode,
        seconds=seconds,
        human_notes=sum(map(len, performance)),
        reaction=stats["reaction"],
        answer=Times(answers).summary_ms(),
        lateness=stats["lateness"],
        in_time=stats["in_time"],
        not_in_time=stats["late"] + stats["dropped"],
        tokens_per_s=stats["tokens_per_second"],
        notes_on=len(ear.onsets),
        notes_off=ear.notes_off,
    )


class Ear:
    """What comes out of the port. `hear` runs in the driver's thread."""

    def __init__(self) -> None:
        self.onsets: list[int] = []
        self.notes_off = 0
        self._lock = Lock()

    def hear(self, message: bytes, at: Nanos) -> None:
        kind, is_loud = message[0] & 0xF0, len(message) > 2 and message[2] > 0
        with self._lock:
            if kind == 0x90 and is_loud:
                self.onsets.append(at)
            elif kind in (0x80, 0x90):
                self.notes_off += 1

    def wait_until_all_ended(self, timeout_s: float) -> None:
        """Or until it is clear that they will not: the figures then say so."""
        deadline = monotonic() + timeout_s
        while len(self.onsets) > self.notes_off and monotonic() < deadline:
            sleep(0.01)


def play(keyboard: OutputPort, performance: Sequence[Phrase], seconds: float) -> list[int]:
    """Send the performance in real time, and rest until `seconds` are over. Returns when each message was sent."""
    began, sent = monotonic_ns(), []
    for at, message in (timed for phrase in performance for timed in messages(phrase)):
        _sleep_until(began + round(at * 1e9))
        keyboard.send(message)
        sent.append(monotonic_ns())
    _sleep_until(began + round(seconds * 1e9))
    return sent


def _sleep_until(moment: int) -> None:
    sleep(max(0, moment - monotonic_ns()) / 1e9)


@contextmanager
def environment(changes: Mapping[str, str]) -> Iterator[None]:
    """JACK's clients, ours included, find their server by it."""
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _bridge(url: str, mode: Mode, stats: Path) -> Iterator[subprocess.Popen[str]]:
    options = ("--url", url, "--api", "jack", "--mode", mode, "--seed", str(SEED), "--stats", str(stats))
    with program("bridge", *options) as bridge:
        line_with(bridge, "connected")
        yield bridge
