"""An output port on JACK whose messages leave at the sample they are due, however busy this process is.

Needs JACK-Client (the extra `jack`). Bytes and their moments; of notes it only knows that an end must not be lost.
"""

from collections import deque
from collections.abc import Sequence
from time import monotonic_ns, sleep
from typing import Any, Final

from clients.jack_cycles import Cycles
from music.errors import PortError
from music.messages import NOTE_OFF, NOTE_ON, note_off
from music.time import Nanos

AHEAD: Final = Nanos(6_000_000)  # messages are handed over so long before they are due
PATIENCE: Final = Nanos(1_500_000_000)  # with a JACK that stalls
LATEST: Final = 0.75  # of a cycle; the rest is for those who listen
MOST_IN_VAIN: Final = 8  # cycles
SHORTLY: Final = Nanos(30_000_000)  # ends this recent are said again when a cycle was lost
CYCLE_S: Final = 0.001


def half_a_period() -> Nanos:
    """What rtmidi sends leaves with JACK's next cycle: half a period sooner, it is early as often as late.

    0 where JACK or JACK-Client does not answer.
    """
    try:
        import jack
    except (ImportError, OSError):
        return Nanos(0)
    try:
        client = jack.Client("Tradefours probe", no_start_server=True)
    except jack.JackError:
        return Nanos(0)
    try:
        return Nanos(client.blocksize * 500_000_000 // client.samplerate)
    finally:
        client.close()


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
        self._cycles = Cycles()
        self._passed = 0  # cycles
        self._ends: dict[bytes, Nanos] = {}  # note-offs that left, of keys not struck since
        self._in_vain = 0  # cycles in a row that were too short for us
        self._is_torn = False  # a cycle was lost
        self._is_gone = False
        self._full: type[Exception] = jack.JackError
        self._client.set_process_callback(self._process)
        self._client.set_xrun_callback(self._tear)
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
        last = self._passed + 2
        while self._passed < last and monotonic_ns() < deadline:
            sleep(CYCLE_S)
        if not self._is_gone:
            self._client.deactivate()
        self._client.close()

    def _shut_down(self, status: Any, reason: str) -> None:
        self._is_gone = True

    def _tear(self, delay_us: float) -> None:
        self._is_torn = True

    def _process(self, frames: int) -> None:
        """In JACK's thread, once a cycle: what is due before its end, each at its own frame.

        What is late waits for the next one, and what was written too late after all is taken back.
        """
        self._passed += 1
        self._port.clear_buffer()
        if self._is_torn:
            self._repeat_ends()
        now, began = Nanos(monotonic_ns()), self._client.last_frame_time
        if not self._cycles.is_good(frames, self._client.samplerate, began, now) or not self._waiting:
            return
        count = self._write(frames)
        if self._is_too_late(frames, began):
            self._port.clear_buffer()
            return
        for _ in range(count):
            self._remember(*self._waiting.popleft())

    def _is_too_late(self, frames: int, began: int) -> bool:
        """Whoever listens has no time left in this cycle. But where that is always so, it must do."""
        is_late = self._client.last_frame_time != began or self._client.frames_since_cycle_start > LATEST * frames
        self._in_vain = self._in_vain + 1 if is_late and self._in_vain < MOST_IN_VAIN else 0
        return self._in_vain > 0

    def _write(self, frames: int) -> int:
        """How many of those that wait."""
        rate = self._client.samplerate
        begins = monotonic_ns() - self._client.frames_since_cycle_start * 1_000_000_000 // rate
        waiting = self._waiting.copy()  # others may be added
        for count, (due, message) in enumerate(waiting):
            frame = (due - begins) * rate // 1_000_000_000
            if frame >= frames:
                return count
            try:
                self._port.write_midi_event(max(0, frame), message)
            except self._full:
                return count  # the next cycle has room again
        return len(waiting)

    def _remember(self, due: Nanos, message: bytes) -> None:
        if message[0] & 0xF0 == NOTE_OFF:
            self._ends[message] = due
        elif message[0] & 0xF0 == NOTE_ON:
            self._ends.pop(note_off(message[0] & 0x0F, message[1]), None)

    def _repeat_ends(self) -> None:
        """A cycle was lost by somebody, perhaps by who listens to us: an end that is heard twice does no harm."""
        self._is_torn = False
        since = monotonic_ns() - SHORTLY
        self._waiting.extendleft([(due, message) for message, due in self._ends.items() if due > since])
        self._ends.clear()
