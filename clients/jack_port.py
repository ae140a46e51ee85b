"""An output port on JACK whose messages leave at the sample they are due, however busy this process is.

Needs JACK-Client (the extra `jack`). Knows no notes: bytes and their moments.
"""

from collections import deque
from collections.abc import Sequence
from time import monotonic_ns, sleep
from typing import Any, Final

from music.errors import PortError
from music.time import Nanos

AHEAD: Final = Nanos(6_000_000)  # messages are handed over so long before they are due
PATIENCE: Final = Nanos(1_500_000_000)  # with a JACK that stalls
CYCLE_S: Final = 0.001


class JackPort:
    """Use from one thread; JACK's own takes what waits."""

    ahead = AHEAD

    def __init__(self, name: str) -> None:
        """A virtual port. Raises PortError where JACK or JACK-Client does not answer."""
        self.name = name
        try:
            import jack
        except (ImportError, OSError) as error:
            raise PortError(f"expected JACK-Client and libjack, got: {error}") from error
        try:
            self._client: Any = jack.Client(name, use_exact_name=True, no_start_server=True)
            self._port = self._client.midi_outports.register(name)
        except jack.JackError as error:
            raise PortError(f"expected the port {name!r} to open, got: {error}") from error
        self._waiting: deque[tuple[Nanos, bytes]] = deque()
        self._newest = Nanos(0)
        self._cycles = 0
        self._is_gone = False
        self._full: type[Exception] = jack.JackError
        self._client.set_process_callback(self._process)
        self._client.set_shutdown_callback(self._shut_down)
        self._client.activate()

    def send(self, message: Sequence[int], due: Nanos | None = None) -> None:
        """At `due`, or as soon as can be; never before what was sent before. Raises PortError when JACK is gone."""
        if self._is_gone:
            raise PortError(f"expected the port {self.name!r} to take a message, but the JACK server is gone")
        self._newest = Nanos(max(self._newest, due if due is not None else monotonic_ns()))
        self._waiting.append((self._newest, bytes(message)))

    def close(self) -> None:
        """Waits until all has left, and those who listen have had a cycle to take it."""
        deadline = 0 if self._is_gone else monotonic_ns() + PATIENCE
        while self._waiting and monotonic_ns() < deadline:
            sleep(CYCLE_S)
        last = self._cycles + 2
        while self._cycles < last and monotonic_ns() < deadline:
            sleep(CYCLE_S)
        if not self._is_gone:
            self._client.deactivate()
        self._client.close()

    def _shut_down(self, status: Any, reason: str) -> None:
        self._is_gone = True

    def _process(self, frames: int) -> None:
        """In JACK's thread, once a cycle: what is due before its end, each at its own frame."""
        self._cycles += 1
        self._port.clear_buffer()
        if not self._waiting:
            return
        rate = self._client.samplerate
        begins = monotonic_ns() - self._client.frames_since_cycle_start * 1_000_000_000 // rate
        while self._waiting:
            frame = (self._waiting[0][0] - begins) * rate // 1_000_000_000
            if frame >= frames:
                return
            try:
                self._port.write_midi_event(max(0, frame), self._waiting[0][1])
            except self._full:
                return  # the next cycle has room again
            self._waiting.popleft()
