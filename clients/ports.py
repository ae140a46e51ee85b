"""MIDI ports of this system: made, found by name, opened, closed. A thin wrapper over python-rtmidi.

Knows no notes and no music: bytes out, bytes and their moment in. Where a port cannot be had, the error says why
and what to do. What Tradefours plays, in this process or another, is nobody's input: a machine that hears itself
would never stop.
"""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from re import sub
from threading import Lock
from time import monotonic_ns
from typing import Any, Final

from clients.listening import Listening
from clients.timestamps import DriverTimes
from music.errors import PortError
from music.messages import SYSTEM, TRANSPORT
from music.time import Nanos

INPUT_NAME: Final = "Tradefours In"  # in the name of every port of ours, whoever's port it is connected to
OUTPUT_NAME: Final = "Tradefours Out"
CLOCK_NAME: Final = "Tradefours Clock"
THRU_NAME: Final = "Tradefours Thru"
OUR_OUTPUTS: Final = (OUTPUT_NAME, CLOCK_NAME, THRU_NAME)
LOOK_S: Final = 0.25  # between looks for what was unplugged or is back
API_VARIABLE: Final = "TRADEFOURS_MIDI_API"
APIS: Final = {  # in the order in which they are tried: the name users say, rtmidi's constant
    "coremidi": "API_MACOSX_CORE",
    "alsa": "API_LINUX_ALSA",
    "jack": "API_UNIX_JACK",
    "winmm": "API_WINDOWS_MM",
}
NO_MIDI: Final = (
    "expected a MIDI system (CoreMIDI, the ALSA sequencer, a running JACK server, or Windows MM), got none: "
    "on Linux load the module snd-seq or start a JACK server"
)

Heard = Callable[[bytes, Nanos], None]  # runs in the driver's thread; must not block


@dataclass(frozen=True, slots=True)
class PortNames:
    api: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


class _Port:
    """An open port, which may be looked for and closed in different threads."""

    def __init__(self, name: str, driver: Any) -> None:
        self.name = name
        self._driver = driver
        self._is_open = True
        self._lock = Lock()  # whoever asks a driver that is deleted ends the process

    def is_there(self) -> bool:
        """Of an existing port: it still is, and has not been closed. May take a moment. In any thread."""
        with self._lock:
            return self._is_open and self.name in _names(self._driver)

    def close(self) -> None:
        """Waits until the driver has taken what was sent."""
        with self._lock:
            self._is_open = False
            self._driver.close_port()
            self._driver.delete()


class InputPort(_Port):
    """An open input; `heard` of `open_input` is called until `close`."""

    def __init__(self, name: str, driver: Any, listening: Listening) -> None:
        super().__init__(name, driver)
        self._listening = listening

    def close(self) -> None:
        """Takes a moment. Not in the driver's thread."""
        self._listening.stop()
        super().close()


class OutputPort(_Port):
    """An open output."""

    def __init__(self, name: str, driver: Any, ahead: Nanos) -> None:
        super().__init__(name, driver)
        self.ahead = ahead

    def send(self, message: Sequence[int], due: Nanos | None = None) -> None:
        """At once, whenever it was due; does not wait for the device. Raises PortError when it is gone. One thread."""
        try:
            self._driver.send_message(message)
        except _rtmidi().RtMidiError as error:
            raise PortError(f"expected the port {self.name!r} to take a message, got: {error}") from error


def list_ports(api: str | None = None) -> PortNames:
    """What can be opened by name on the chosen or the first working MIDI system: ports of Tradefours cannot."""
    rtmidi = _rtmidi()
    chosen = choose_api(api)
    inputs, outputs = _open(rtmidi.MidiIn, chosen, "Tradefours list"), _open(rtmidi.MidiOut, chosen, "Tradefours list")
    try:
        return PortNames(chosen, _without(OUR_OUTPUTS, _names(inputs)), _without((INPUT_NAME,), _names(outputs)))
    finally:
        inputs.delete()
        outputs.delete()


def has_output(name: str, api: str | None = None) -> bool:
    """Whether `open_output` would find such an existing port now."""
    with suppress(PortError):
        find_port(name, list_ports(api).outputs)
        return True
    return False


def open_input(
    name: str, heard: Heard, *, virtual: bool = True, api: str | None = None, own_too: bool = False
) -> InputPort:
    """A virtual port called `name`, or the existing one whose name contains `name`.

    `own_too`: it may be what a bridge plays; only a listener that answers nothing may ask for that.
    `heard` gets each message and when the driver saw it, in the driver's thread: it must only hand them on.
    Active sensing, sysex and all that is neither a channel's nor a clock's is left out.
    """
    rtmidi = _rtmidi()
    chosen = choose_api(api)
    if virtual:
        driver, opened = _made(rtmidi.MidiIn, rtmidi.MidiOut, name, chosen), name
    else:
        end, never = ("Listener", ()) if own_too else (f"{INPUT_NAME} (connected)", OUR_OUTPUTS)
        driver, opened = _joined(rtmidi.MidiIn, name, chosen, end=end, never=never)
    # The driver counts an interval from the message before, also from one that it leaves out: so it leaves out none.
    driver.ignore_types(sysex=False, timing=False, active_sense=False)
    times = DriverTimes()

    def arrived(message: list[int], interval_s: float) -> None:
        at = times.stamp(interval_s, Nanos(monotonic_ns()))
        if message[0] < SYSTEM or message[0] in TRANSPORT:
            heard(bytes(message), at)

    return InputPort(opened, driver, Listening(driver, arrived))


def open_output(
    name: str, *, virtual: bool = True, api: str | None = None, own_too: bool = False, ahead: Nanos = Nanos(0)
) -> OutputPort:
    """A virtual port called `name`, or the existing one whose name contains `name`.

    `own_too`: it may be what a bridge hears; only a player that listens to nothing may ask for that.
    `ahead`: so long before they are due messages are to be handed over.
    """
    rtmidi = _rtmidi()
    chosen = choose_api(api)
    if virtual:
        return OutputPort(name, _made(rtmidi.MidiOut, rtmidi.MidiIn, name, chosen), ahead)
    end, never = ("Player", ()) if own_too else (f"{OUTPUT_NAME} (connected)", (INPUT_NAME,))
    driver, opened = _joined(rtmidi.MidiOut, name, chosen, end=end, never=never)
    return OutputPort(opened, driver, ahead)


def choose_api(wanted: str | None = None) -> str:
    """The MIDI system asked for (or named by TRADEFOURS_MIDI_API), else the first one that works."""
    rtmidi = _rtmidi()
    wanted = wanted or os.environ.get(API_VARIABLE)
    if wanted and wanted not in APIS:
        raise PortError(f"expected a MIDI system out of {', '.join(APIS)}, got {wanted!r}")
    compiled = rtmidi.get_compiled_api()
    for name in [wanted] if wanted else APIS:
        if getattr(rtmidi, APIS[name]) in compiled:
            with suppress(PortError):
                _open(rtmidi.MidiOut, name, "Tradefours probe").delete()
                return name
    raise PortError(f"expected the MIDI system {wanted} to answer, but it does not" if wanted else NO_MIDI)


def _rtmidi() -> Any:
    try:
        import rtmidi
    except ImportError as error:
        raise PortError(
            f"expected python-rtmidi for MIDI ports, but it cannot be imported ({error}): "
            "run `pip install python-rtmidi`, for which Python 3.11 and 3.12 have ready wheels"
        ) from error
    return rtmidi


def _open(kind: Any, api: str, client: str) -> Any:
    """A driver object of `kind` (MidiIn or MidiOut), without a port yet."""
    os.environ["JACK_NO_START_SERVER"] = "1"  # libjack would start one behind the user's back
    rtmidi = _rtmidi()
    try:
        with _quiet_stderr():
            driver = kind(getattr(rtmidi, APIS[api]), name=client)
    except rtmidi.RtMidiError as error:
        raise PortError(f"expected the MIDI system {api} to answer, got: {error}") from error
    driver.set_error_callback(_raise_errors)
    return driver


def _raise_errors(kind: int, text: str, _: object = None) -> None:
    """In place of rtmidi's own callback, which prints warnings. Whatever a callback does not raise is lost."""
    rtmidi = _rtmidi()
    if kind not in (rtmidi.ERRORTYPE_WARNING, rtmidi.ERRORTYPE_DEBUG_WARNING):
        raise rtmidi.RtMidiError(text)


def _made(kind: Any, other_side: Any, name: str, api: str) -> Any:
    """A driver with a virtual port of that name. An input shows up among the others' outputs, and vice versa."""
    if api == "winmm":
        raise PortError(
            f"expected the name of an existing port, got none: Windows cannot make the port {name!r}, "
            "so make one with loopMIDI and name it with --in or --out"
        )
    _refuse_twin(other_side, name, api)
    driver = _open(kind, api, name)
    try:
        driver.open_virtual_port(name)
    except _rtmidi().RtMidiError as error:
        driver.delete()
        raise PortError(f"expected the port {name!r} to open, got: {error}") from error
    return driver


def _joined(kind: Any, wanted: str, api: str, *, end: str, never: Sequence[str]) -> tuple[Any, str]:
    """A driver that is connected to an existing port, and that port's full name.

    `end`: name of our end of the connection, which some systems show as a port: it tells every bridge whose it is.
    """
    driver = _open(kind, api, end)
    try:
        index, found = find_port(wanted, _names(driver), never=never)
        driver.open_port(index, name=end)
    except PortError:
        driver.delete()
        raise
    except _rtmidi().RtMidiError as error:
        driver.delete()
        raise PortError(f"expected the port {wanted!r} to open, but another program may hold it: {error}") from error
    return driver, found


def refuse_twin(output: str, api: str) -> None:
    """Raises PortError where another program has an output of that name."""
    _refuse_twin(_rtmidi().MidiIn, output, api)


def _refuse_twin(other_side: Any, name: str, api: str) -> None:
    probe = _open(other_side, api, "Tradefours probe")
    try:
        if any(port.split(":")[0] == name for port in _names(probe)):
            raise PortError(f"expected to make the port {name!r}, but it is there already: stop the other bridge first")
    finally:
        probe.delete()


def find_port(wanted: str, names: Sequence[str], *, never: Sequence[str] = ()) -> tuple[int, str]:
    """Index and name of the first port that contains `wanted`, whatever its case; an exact match goes first.

    Not one whose name contains any of `never`.
    """
    low = wanted.lower()
    found = [(index, name) for index, name in enumerate(names) if low in name.lower()]
    if allowed := [(index, name) for index, name in found if _without(never, [name])]:
        return min(allowed, key=lambda pair: pair[1].lower() != low)
    if found:
        raise PortError(f"expected a port of another program, got {found[0][1]!r}: Tradefours would hear itself")
    there = ", ".join(_without(never, names)) or "no ports at all"
    raise PortError(f"expected a MIDI port whose name contains {wanted!r}, got {there}")


def _without(parts: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in names if not any(part in name for part in parts))


def plain_name(name: str) -> str:
    """Without the numbers that ALSA puts behind it, which change from boot to boot."""
    return sub(r" \d+:\d+$", "", name)


def _names(driver: Any) -> tuple[str, ...]:
    return tuple(plain_name(name) for name in driver.get_ports())


@contextmanager
def _quiet_stderr() -> Iterator[None]:
    """libasound and libjack write to file descriptor 2 what the error already says."""
    sys.stderr.flush()
    saved = os.dup(2)
    silent = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(silent, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(silent)
        os.close(saved)
