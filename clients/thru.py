"""What the humans play, handed on at once: no network, no clock, nothing between the driver's thread and the port.

Knows no parts. Keys that sound when their port goes are ended.
"""

from contextlib import suppress
from threading import Lock
from time import monotonic_ns

from clients.ports import THRU_NAME, OutputPort, open_output
from clients.times import Times
from music.errors import PortError
from music.messages import SYSTEM, KeyDown, KeyUp, note_off, panic_messages, parse
from music.time import Nanos


class Thru:
    """`hear` runs in the drivers' threads; the others in any. Without a port, nothing happens."""

    def __init__(self) -> None:
        self.added = Times()  # from the driver's moment to the port
        self._wanted: tuple[str | None, str | None] = None, None
        self._port: OutputPort | None = None
        self._lock = Lock()  # two keyboards are two threads; one never waits longer than the other's send takes
        self._sounding: dict[tuple[int, int], int] = {}  # by channel and pitch: which port

    def open(self, output: str | None, api: str | None) -> None:
        """`Tradefours Thru`, or an existing port. Raises PortError."""
        self._wanted = output, api
        self._port = open_output(output or THRU_NAME, virtual=output is None, api=api)

    def open_again(self) -> None:
        """An existing port was unplugged and is back: keys that are down are no more. Nothing where none was open."""
        if self._port:
            self.close()
            with suppress(PortError):
                self.open(*self._wanted)

    def panic(self) -> None:
        """All notes end, and their channels are told so."""
        with self._lock:
            for channel, pitch in self._sounding:
                self._send(note_off(channel, pitch))
            for channel in sorted({channel for channel, _ in self._sounding}):
                for message in panic_messages(channel):
                    self._send(message)
            self._sounding.clear()

    def close(self) -> None:
        self.panic()
        with self._lock:
            port, self._port = self._port, None
        if port:
            port.close()

    def hear(self, port: int, message: bytes, at: Nanos) -> None:
        """Hand on what is a channel's."""
        if message[0] >= SYSTEM or not self._port:
            return
        with self._lock:
            match parse(message):
                case KeyDown(channel, pitch):
                    if (channel, pitch) in self._sounding:
                        self._send(note_off(channel, pitch))
                    self._sounding[channel, pitch] = port
                case KeyUp(channel, pitch):
                    self._sounding.pop((channel, pitch), None)
            self._send(message)
        self.added.add(monotonic_ns() - at)

    def gone(self, port: int) -> None:
        """A keyboard is gone: its notes end."""
        with self._lock:
            for key in [key for key, whose in self._sounding.items() if whose == port]:
                del self._sounding[key]
                self._send(note_off(*key))

    def _send(self, message: bytes) -> None:
        if self._port:
            with suppress(PortError):  # it is gone, as the machine's port is: that one says so
                self._port.send(message)
