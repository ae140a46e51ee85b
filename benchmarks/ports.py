"""`tradefours bench ports`: when notes really leave the bridge's ports, while another process computes on a core.

Through a private JACK server that waits for nobody; periods of 64 frames, 1.33 ms. Moments are JACK's frames.

- `rtmidi`, `exact`: the port process of the bridge, without and with `--exact`; from a note's due time to its frame,
  early or late.
- `thru`: `tradefours bridge --thru` hands on what is played: from the driver's moment to the port.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import monotonic_ns, sleep
from typing import Any, Final

from benchmarks.jack import private_jack
from benchmarks.live_ports import environment
from benchmarks.programs import LEAVE_S, busy_core, line_with, program
from benchmarks.report import Row, write_report
from clients.ports import INPUT_NAME, open_output
from clients.times import Times
from music.errors import TradefoursError
from music.messages import NOTE_ON, note_off, note_on

NAME: Final = "Tradefours Bench"
WAYS: Final = {"rtmidi": (), "exact": ("--exact",)}
NOTES, QUICK_NOTES = 3_000, 400
EVERY_NS: Final = (3_000_000, 7_000_000)  # no multiple of a period
LENGTH_NS: Final = 5_000_000
KNOWN_NS: Final = 120_000_000  # before they are due
FAR_NS: Final = 1_000_000_000  # from its due time: that was another note of the same key
SETTLE_S: Final = 0.3
NOBODY: Final = "ws://127.0.0.1:9/v1/live"
SEED: Final = 5


def bench_ports(*, quick: bool, json_file: Path | None) -> int:
    """Measure, print, write. Returns the exit code."""
    if shutil.which("jackd") is None:
        raise TradefoursError("expected jackd for private MIDI ports, got none: on Debian install jackd2")
    count = QUICK_NOTES if quick else NOTES
    with (
        TemporaryDirectory() as folder,
        private_jack(Path(folder) / "jack.log", waits=False) as env,
        environment(env),
        busy_core(),
    ):
        times = {way: _off_time(options, count) for way, options in WAYS.items()}
        found = {way: each.summary_ms() for way, each in times.items()} | {"thru": _thru(count, Path(folder))}
    rows: list[Row] = [{"way": way, "sent": count, **summary} for way, summary in found.items()]
    ratios = {
        f"{way}_{name}": summary[name] for way, summary in found.items() for name in ("p50_ms", "p95_ms", "p99_ms")
    }
    ratios["lost"] = sum(count - summary["count"] for summary in found.values())
    write_report("ports", rows, ratios, json_file)
    return 0


def _off_time(options: tuple[str, ...], count: int) -> Times:
    """How far from its due time each note was heard, either way."""
    chance, dues = Random(SEED), list[int]()
    with _port_process(options) as process, _Ear(NAME) as ear:
        assert process.stdin is not None
        sleep(SETTLE_S)
        due = monotonic_ns() + KNOWN_NS
        for id in range(count):
            due += chance.randrange(*EVERY_NS)
            dues.append(due)
            where = {"channel": id // 128 % 16, "pitch": id % 128, "velocity": 80}
            note = {"id": id, "due": due, "off": due + LENGTH_NS, **where}
            process.stdin.write(json.dumps({"on": note}).encode() + b"\n")
            process.stdin.flush()
            sleep(max(0, due - KNOWN_NS - monotonic_ns()) / 1e9)
        sleep(KNOWN_NS / 1e9 + SETTLE_S)
    heard: dict[tuple[int, int], list[int]] = {}
    for at, message in ear.heard:
        if message[0] & 0xF0 == NOTE_ON:
            heard.setdefault((message[0] & 0x0F, message[1]), []).append(at)
    nearest = ((due, heard.get((id // 128 % 16, id % 128), [])) for id, due in enumerate(dues))
    off = (min((abs(at - due) for at in moments), default=FAR_NS) for due, moments in nearest)
    return Times(each for each in off if each < FAR_NS)


@contextmanager
def _port_process(options: tuple[str, ...]) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-P", "-m", "clients.port_process", "--name", NAME, "--api", "jack", *options]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        if b"ready" not in (said := process.stdout.readline()):
            raise TradefoursError(f"expected a port, got {said!r}")
        yield process
        process.stdin.close()
        process.stdout.read()


class _Ear:
    """When each message is heard, by the frames of JACK."""

    def __init__(self, source: str) -> None:
        try:
            import jack
        except (ImportError, OSError) as error:
            raise TradefoursError(f"expected JACK-Client, got: {error}") from error
        self.heard: list[tuple[int, bytes]] = []
        self._client: Any = jack.Client(f"{source} ear", no_start_server=True)
        self._port = self._client.midi_inports.register("in")
        self._client.set_process_callback(self._process)
        self._source = source

    def __enter__(self) -> "_Ear":
        self._client.activate()
        outputs = self._client.get_ports(is_midi=True, is_output=True)
        self._client.connect(next(port for port in outputs if self._source in port.name), self._port)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.deactivate()
        self._client.close()

    def _process(self, frames: int) -> None:
        rate = self._client.samplerate
        began = monotonic_ns() - self._client.frames_since_cycle_start * 1_000_000_000 // rate
        for offset, data in self._port.incoming_midi_events():
            self.heard.append((began + offset * 1_000_000_000 // rate, bytes(data)))


def _thru(count: int, folder: Path) -> dict[str, float]:
    """As the bridge says in its own statistics; no server is needed for it."""
    stats, chance = folder / "thru.json", Random(SEED)
    with program("bridge", "--url", NOBODY, "--api", "jack", "--thru", "--stats", str(stats)) as bridge:
        line_with(bridge, "ports open")
        keyboard = open_output(INPUT_NAME, virtual=False, api="jack", own_too=True)
        try:
            for message in [note_on(0, 60, 80), note_off(0, 60)] * (count // 2):
                keyboard.send(message)
                sleep(chance.randrange(*EVERY_NS) / 1e9)
        finally:
            keyboard.close()
        bridge.terminate()
        bridge.communicate(timeout=LEAVE_S)
    found: dict[str, float] = json.loads(stats.read_text())["thru"]
    return found
