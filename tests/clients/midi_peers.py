"""A keyboard, a sequencer and a recorder, each a process of its own, on the JACK server that the environment names.

    with Recorder("Tradefours Out") as recorder, Keyboard("Tradefours In") as keyboard:
        sent = keyboard.play([(0.0, b"\\x90\\x3c\\x40"), (0.5, b"\\x80\\x3c\\x00")])
        recorder.wait_until(lambda heard: len(heard) >= 2, timeout_s=5)

They know nothing of Tradefours: the ports are found by a part of their names.
"""

import json
import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Condition, Event, Thread
from time import monotonic, monotonic_ns, sleep
from types import TracebackType
from typing import Any, Final, Self

PORT_S: Final = 10.0  # how long a peer waits for the port to appear


@dataclass(frozen=True, slots=True)
class Heard:
    at: int  # time.monotonic_ns(), when the recorder's driver handed it on
    message: bytes

    @property
    def is_on(self) -> bool:
        return self.message[0] & 0xF0 == 0x90 and self.message[2] > 0

    @property
    def is_off(self) -> bool:
        return self.message[0] & 0xF0 == 0x80 or (self.message[0] & 0xF0 == 0x90 and self.message[2] == 0)

    @property
    def key(self) -> tuple[int, int]:
        """Channel and pitch."""
        return self.message[0] & 0x0F, self.message[1]


def hanging(heard: Sequence[Heard]) -> list[tuple[int, int]]:
    """Keys that are still on after all of `heard`. Raises where an on or an off comes out of turn."""
    sounding: list[tuple[int, int]] = []
    for event in heard:
        if event.is_on:
            assert event.key not in sounding, f"{event.key} began twice"
            sounding.append(event.key)
        elif event.is_off:
            assert event.key in sounding, f"{event.key} ended without a beginning"
            sounding.remove(event.key)
    return sounding


class _Peer:
    """A child process of this file that has found its port."""

    def __init__(self, role: str, port: str) -> None:
        command = [sys.executable, str(Path(__file__).resolve()), role, port]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        first = self._process.stdout.readline()
        if first != "ready\n":
            self.close()
            raise AssertionError(f"expected the {role} to find {port!r}, got {first!r}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def kill(self) -> None:
        """As when its program crashes: nothing is played to an end."""
        self._process.kill()

    def close(self) -> None:
        self._see_out()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _see_out(self) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()  # its end is the peer's sign to leave
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Keyboard(_Peer):
    """Plays into the first port whose name contains `port`."""

    def __init__(self, port: str, role: str = "keyboard") -> None:
        super().__init__(role, port)

    def play(self, notes: Sequence[tuple[float, bytes]]) -> list[int]:
        """Send each message so many seconds from now, in real time. Returns when each was sent (monotonic_ns)."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([(seconds, message.hex()) for seconds, message in notes]) + "\n")
        self._process.stdin.flush()
        sent: list[int] = json.loads(self._process.stdout.readline())
        return sent


class Sequencer(Keyboard):
    """As a keyboard, exact to the sample however busy the machine is: JACK itself keeps its time. Needs JACK-Client."""

    def __init__(self, port: str) -> None:
        super().__init__(port, "sequencer")


class Recorder(_Peer):
    """Records what comes out of the first port whose name contains `port`."""

    def __init__(self, port: str, role: str = "recorder") -> None:
        self._heard: list[Heard] = []
        self._changed = Condition()
        super().__init__(role, port)
        self._reader = Thread(target=self._read)
        self._reader.start()

    @property
    def heard(self) -> list[Heard]:
        with self._changed:
            return list(self._heard)

    def wait_until(self, enough: Callable[[list[Heard]], bool], timeout_s: float = 5.0) -> list[Heard]:
        """What was heard as soon as it is enough; fails after `timeout_s`."""
        with self._changed:
            happened = self._changed.wait_for(lambda: enough(self._heard), timeout_s)
            assert happened, f"waited {timeout_s:g} s, heard only {self._heard}"
            return list(self._heard)

    def close(self) -> None:
        self._see_out()
        if hasattr(self, "_reader"):
            self._reader.join()
        super().close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            at, message = line.split()
            with self._changed:
                self._heard.append(Heard(int(at), bytes.fromhex(message)))
                self._changed.notify_all()


class Ear(Recorder):
    """As a recorder, exact to the sample: moments are JACK's frames. Needs JACK-Client."""

    def __init__(self, port: str) -> None:
        super().__init__(port, "ear")


# ---- in the child processes --------------------------------------------------------------------------


def _connected(driver: Any, port: str) -> Any:
    """Opened onto `port` as soon as that is there."""
    deadline = monotonic() + PORT_S
    while monotonic() < deadline:
        for index, name in enumerate(driver.get_ports()):
            if port.lower() in name.lower():
                driver.open_port(index)
                return driver
        sleep(0.02)
    sys.exit(f"no port {port!r} out of {driver.get_ports()}")


def _record(port: str) -> None:
    import rtmidi

    driver = rtmidi.MidiIn(rtmidi.API_UNIX_JACK, name="Test recorder")

    def heard(event: tuple[list[int], float], _: object) -> None:
        print(monotonic_ns(), bytes(event[0]).hex(), flush=True)

    driver.ignore_types(sysex=False, timing=False, active_sense=False)
    driver.set_callback(heard)
    _connected(driver, port)
    print("ready", flush=True)
    sys.stdin.read()
    os._exit(0)  # rtmidi would wait for a callback that waits for the interpreter: JACK notices that we are gone


def _play(port: str) -> None:
    import rtmidi

    driver = _connected(rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name="Test keyboard"), port)
    print("ready", flush=True)
    for line in sys.stdin:
        start, sent = monotonic_ns(), []
        for seconds, message in json.loads(line):
            sleep(max(0.0, (start + seconds * 1e9 - monotonic_ns()) / 1e9))
            driver.send_message(bytes.fromhex(message))
            sent.append(monotonic_ns())
        print(json.dumps(sent), flush=True)
    driver.delete()


def _sequence(port: str) -> None:
    import jack

    client = jack.Client("Test sequencer", no_start_server=True)
    out = client.midi_outports.register("out")
    waiting: deque[tuple[int, bytes]] = deque()
    sent: list[int] = []

    @client.set_process_callback  # type: ignore[untyped-decorator]
    def send(frames: int) -> None:
        out.clear_buffer()
        now, start = monotonic_ns(), client.last_frame_time
        while waiting and waiting[0][0] < start + frames:
            due, message = waiting.popleft()
            offset = max(0, due - start)
            out.write_midi_event(offset, message)
            sent.append(now + offset * 1_000_000_000 // client.samplerate)

    with client:
        client.connect(out, _found(client, port, is_input=True))
        print("ready", flush=True)
        for line in sys.stdin:
            notes = json.loads(line)
            first = client.frame_time + client.samplerate // 20
            sent.clear()
            waiting.extend((first + round(at * client.samplerate), bytes.fromhex(message)) for at, message in notes)
            while len(sent) < len(notes):
                sleep(0.01)
            print(json.dumps(sent), flush=True)


def _listen(port: str) -> None:
    import jack

    client = jack.Client("Test ear", no_start_server=True)
    ear = client.midi_inports.register("in")
    heard: deque[tuple[int, str]] = deque()

    @client.set_process_callback  # type: ignore[untyped-decorator]
    def hear(_: int) -> None:
        began = monotonic_ns() - client.frames_since_cycle_start * 1_000_000_000 // client.samplerate
        for offset, message in ear.incoming_midi_events():
            heard.append((began + offset * 1_000_000_000 // client.samplerate, bytes(message).hex()))

    left = Event()

    def wait_for_the_end() -> None:
        sys.stdin.read()
        left.set()

    with client:
        client.connect(_found(client, port, is_output=True), ear)
        print("ready", flush=True)
        Thread(target=wait_for_the_end, daemon=True).start()
        while not left.wait(0.01):
            while heard:  # not in JACK's thread, which must not wait for a pipe
                print(*heard.popleft(), flush=True)


def _found(client: Any, port: str, **kind: bool) -> Any:
    """As soon as it is there."""
    deadline = monotonic() + PORT_S
    while monotonic() < deadline:
        if found := [each for each in client.get_ports(is_midi=True, **kind) if port in each.name]:
            return found[0]
        sleep(0.02)
    sys.exit(f"no port {port!r}")


if __name__ == "__main__":
    {"recorder": _record, "ear": _listen, "keyboard": _play, "sequencer": _sequence}[sys.argv[1]](sys.argv[2])
