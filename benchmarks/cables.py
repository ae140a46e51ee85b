"""A keyboard, an instrument and a server whose cables can be pulled, and hands that play on whatever happens.

The instrument keeps its power when its cable is pulled: what sounds then, sounds until it is told to end.
"""

import subprocess
from collections.abc import Callable
from contextlib import ExitStack, suppress
from random import Random
from threading import Event, Lock, Thread
from time import monotonic_ns
from typing import Final

from benchmarks.programs import line_with, program
from clients.ports import InputPort, OutputPort, open_input, open_output
from music.errors import PortError
from music.messages import ALL_NOTES_OFF, ALL_SOUND_OFF, ControlChange, KeyDown, KeyUp, note_off, note_on, parse
from music.time import Nanos

PIANO, SYNTH = "Cable Piano", "Cable Synth"
HANDS: Final = 0  # the channel of the keyboard; the machine's parts have others
LOWEST, HIGHEST = 48, 84


class Piano:
    """Plays from `plug` until `close`, in a thread of its own; also while its cable is pulled."""

    def __init__(self, seed: int) -> None:
        self._chance = Random(seed)
        self._port: OutputPort | None = None
        self._lock = Lock()
        self._rests = Event()
        self._hands = Thread(target=self._play)

    def plug(self) -> None:
        with self._lock:
            self._port = open_output(PIANO, api="jack")
        if not self._hands.is_alive():
            self._hands.start()

    def unplug(self) -> None:
        with self._lock:
            port, self._port = self._port, None
        if port:
            port.close()

    def close(self) -> None:
        self._rests.set()
        self._hands.join()
        self.unplug()

    def _play(self) -> None:
        while not self._rests.is_set():
            pitch = self._chance.randint(LOWEST, HIGHEST)
            self._send(note_on(HANDS, pitch, self._chance.randint(30, 110)))
            self._rests.wait(self._chance.uniform(0.03, 0.2))
            self._send(note_off(HANDS, pitch))
            self._rests.wait(self._chance.uniform(0.01, 0.1))

    def _send(self, message: bytes) -> None:
        with self._lock, suppress(PortError):
            if self._port:
                self._port.send(message)


class Synth:
    """What sounds, and since when. `hear` runs in the driver's thread."""

    def __init__(self) -> None:
        self.notes_on = 0
        self.longest_ns = 0
        self.heard_at = {"hands": 0, "machine": 0}  # the newest note-on of each
        self._sounding: dict[tuple[int, int], int] = {}
        self._port: InputPort | None = None

    @property
    def sounding(self) -> int:
        return len(self._sounding)

    def plug(self) -> None:
        self._port = open_input(SYNTH, self.hear, api="jack")

    def unplug(self) -> None:
        port, self._port = self._port, None
        if port:
            port.close()

    def hear(self, message: bytes, _: Nanos) -> None:
        now = monotonic_ns()
        match parse(message):
            case KeyDown(channel, pitch):
                self.notes_on += 1
                self.heard_at["hands" if channel == HANDS else "machine"] = now
                self._sounding[channel, pitch] = now
            case KeyUp(channel, pitch):
                self._end(channel, pitch, now)
            case ControlChange(channel, control) if control in (ALL_NOTES_OFF, ALL_SOUND_OFF):
                for key in [key for key in self._sounding if key[0] == channel]:
                    self._end(*key, now)

    def _end(self, channel: int, pitch: int, now: int) -> None:
        since = self._sounding.pop((channel, pitch), now)
        self.longest_ns = max(self.longest_ns, now - since)


class Server:
    """`tradefours serve`, whose cable is its life: unplugged it is killed, and another one reads its journal."""

    def __init__(self, port: int, *options: str) -> None:
        self._port = port
        self._options = options
        self._running: tuple[ExitStack, subprocess.Popen[str]] | None = None

    def plug(self) -> None:
        stack = ExitStack()
        server = stack.enter_context(program("serve", "--port", str(self._port), *self._options))
        line_with(server, "http://")
        read_on(server, lambda line: None)
        self._running = stack, server

    def unplug(self) -> None:
        running, self._running = self._running, None
        if running:
            stack, server = running
            server.kill()
            stack.close()


def read_on(started: subprocess.Popen[str], tell: Callable[[str], None]) -> None:
    """What a program says from now on, in a thread: its pipe must not fill."""

    def read() -> None:
        assert started.stdout is not None
        with suppress(ValueError):  # closed, for the program is over
            for line in started.stdout:
                tell(line)

    Thread(target=read, daemon=True).start()
