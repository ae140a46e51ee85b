"""The output port in a process of its own: `python -m clients.port_process --name "Tradefours Out"`.

Alone, its timing shares no interpreter lock with anyone, and it outlives a killed bridge long enough to end every
sounding note. It knows no ticks and no server. It reads JSON lines from stdin,

    {"on": {"id": 7, "due": 1, "off": 2, "channel": 0, "pitch": 60, "velocity": 90}}    due, off: time.monotonic_ns()
    {"move": {"id": 7, "due": 3, "off": 4}}         where it has not begun
    {"pulse": {"due": 1, "message": "f8"}}          a clock's message, to the port of that
    {"silence": true}                end all that sounds, forget what waits
    {"panic": true}                  that, and all notes off on all channels
    {"gone": true}                   the port is: as quit, but with status 1
    {"quit": true}

and reports JSON lines on stdout: `{"ready": true, "port": ...}`, `{"played": id, "late_ns": n}` for every note-on,
`{"ended": id}` for every note-off, `{"error": ...}`. End of stdin, SIGTERM or a reader that is gone mean quit.
"""

import argparse
import gc
import json
import os
import signal
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from heapq import heapify, heappop, heappush
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic_ns, sleep
from typing import Any, Final

from clients.jack_port import JackPort, half_a_period
from clients.part_ports import PartPorts, Port
from clients.ports import LOOK_S, OutputPort, choose_api, open_output, refuse_twin
from clients.realtime import PORT_PRIORITY, ask_for_realtime
from music.errors import BadSetting, PortError
from music.messages import ACTIVE_SENSING, STOP, note_off, note_on, panic_messages
from music.time import Nanos
from streaming.playout import Playout, PortMessage

SENSE_EVERY: Final = Nanos(200_000_000)  # an instrument that hears nothing for 300 ms falls silent
QUIT: Final = b'{"quit": true}'
GONE: Final = b'{"gone": true}'

Lines = SimpleQueue[bytes]


class Player:
    """Plays what the lines schedule. `report` must not block."""

    def __init__(
        self, port: Port, report: Callable[[dict[str, Any]], None], *, clock: Port | None = None, senses: bool = False
    ) -> None:
        """`clock`: the port for pulses. `senses`: tell an instrument that understands it that we are still here."""
        self._port = port
        self._clock = clock
        self._pulses: list[tuple[Nanos, int, bytes]] = []  # a heap: due, order, message
        self._pulses_told = 0
        self._next_sense = Nanos(monotonic_ns()) if senses else None
        self._report = report
        self._playout = Playout()
        self._channels: set[int] = set()  # that ever sounded

    def run(self, lines: Lines) -> None:
        """Until a line says quit; whatever happens, all that sounds is ended."""
        try:
            while self.obey(self._next_line(lines)):
                self._send(self._playout.pop_due(Nanos(monotonic_ns() + self._port.ahead)))
                self._send_pulses()
        finally:
            self.end()

    def obey(self, line: bytes | None) -> bool:
        """False for quit. A line without sense is reported and changes nothing. Raises PortError where it is gone."""
        if line is None:
            return True
        try:
            command = json.loads(line)
            if "on" in command:
                self._playout.schedule(**command["on"])
            elif "move" in command:
                self._playout.move(**command["move"])
            elif "pulse" in command:
                self._tell_pulse(Nanos(int(command["pulse"]["due"])), bytes.fromhex(command["pulse"]["message"]))
            elif "silence" in command:
                self._send(self._playout.silence(), at_due=False)
            elif "gone" in command:
                raise PortError("expected the port to stay, but it is gone")
            elif "panic" in command:
                self._channels.update(range(16))
                self.end()
            return "quit" not in command
        except (ValueError, TypeError, LookupError, BadSetting) as error:
            self._report({"error": f"expected a command, got {line[:200]!r}: {error}"})
            return True

    def end(self) -> None:
        """End every sounding note, then tell each channel so for synths that lost count."""
        self._send(self._playout.silence(), at_due=False)
        for channel in sorted(self._channels):
            for message in panic_messages(channel):
                self._port.send(message)
        self._channels.clear()

    def _tell_pulse(self, due: Nanos, message: bytes) -> None:
        if message[0] == STOP:  # what was told ahead of it would set a follower going again
            self._pulses = [pulse for pulse in self._pulses if pulse[0] <= due]
            heapify(self._pulses)
        self._pulses_told += 1
        heappush(self._pulses, (due, self._pulses_told, message))

    def _next_line(self, lines: Lines) -> bytes | None:
        """The next line, or None when a note is due first. Sleeps; never spins."""
        note = self._playout.next_due()
        times = [Nanos(note - self._port.ahead)] if note is not None else []
        if self._clock and self._pulses:
            times.append(Nanos(self._pulses[0][0] - self._clock.ahead))
        if self._next_sense is not None:
            times.append(self._next_sense)
        with suppress(Empty):
            return lines.get(timeout=max(0, min(times) - monotonic_ns()) / 1e9 if times else None)
        return None

    def _send_pulses(self) -> None:
        now = Nanos(monotonic_ns())
        while self._clock and self._pulses and self._pulses[0][0] <= now + self._clock.ahead:
            due, _, message = heappop(self._pulses)
            self._clock.send(message, due)
        if self._next_sense is not None and self._next_sense <= now:
            self._port.send([ACTIVE_SENSING])
            self._next_sense = Nanos(now + SENSE_EVERY)

    def _send(self, messages: Iterable[PortMessage], *, at_due: bool = True) -> None:
        for message in messages:
            if message.is_on:
                self._port.send(note_on(message.channel, message.pitch, message.velocity), message.due)
                self._channels.add(message.channel)
                self._report({"played": message.id, "late_ns": max(0, monotonic_ns() - message.due)})
            else:
                self._port.send(note_off(message.channel, message.pitch), message.due if at_due else None)
                self._report({"ended": message.id})


def read_lines(lines: Lines) -> None:
    """Hand on stdin, line by line; its end is a quit. Runs in a thread of its own."""
    rest = b""
    while chunk := os.read(0, 1 << 16):
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            lines.put(line)
    lines.put(QUIT)


def look_after(port: OutputPort, lines: Lines) -> None:
    """Until an existing port is unplugged. Runs in a thread of its own."""
    while port.is_there():
        sleep(LOOK_S)
    lines.put(GONE)


class Reports:
    """Writes reports to stdout and never waits for their reader: one that does not fit is lost."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        with suppress(OSError, AttributeError):  # pipes of Windows cannot
            os.set_blocking(1, False)

    def __call__(self, report: dict[str, Any]) -> None:
        try:
            os.write(1, json.dumps(report).encode() + b"\n")  # short enough for a pipe to take whole or not at all
        except BlockingIOError:
            pass
        except OSError:
            self._lines.put(QUIT)  # nobody listens any more


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m clients.port_process", description="A MIDI output port.")
    parser.add_argument("--name", required=True)
    parser.add_argument("--existing", action="store_true", help="open the port whose name contains NAME")
    parser.add_argument("--api")
    parser.add_argument(
        "--parts", type=_channels, default=[], help="a virtual port for each of these channels: NAME 1, NAME 2 ..."
    )
    parser.add_argument("--clock", help="name of a virtual port for a MIDI clock")
    parser.add_argument("--active-sensing", action="store_true")
    parser.add_argument("--exact", action="store_true", help="through JACK: leave at the sample")
    options = parser.parse_args()

    lines: Lines = SimpleQueue()
    report = Reports(lines)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl-C reaches all: the bridge decides
    for name in ("SIGTERM", "SIGHUP"):
        if number := getattr(signal, name, None):
            signal.signal(number, lambda *_: lines.put(QUIT))
    try:
        names = [f"{options.name} {number + 1}" for number in range(len(options.parts))] or [options.name]
        ports = [_open(name, virtual=not options.existing, api=options.api, exact=options.exact) for name in names]
        clock = _open(options.clock, virtual=True, api=options.api, exact=options.exact) if options.clock else None
    except PortError as error:
        report({"error": str(error)})
        return 1
    report({"ready": True, "port": ", ".join(port.name for port in ports)})
    ask_for_realtime(PORT_PRIORITY)
    Thread(target=read_lines, args=(lines,), daemon=True).start()
    if options.existing:
        Thread(target=look_after, args=(ports[0], lines), daemon=True).start()
    try:
        out = PartPorts(ports, options.parts) if options.parts else ports[0]
        Player(out, report, clock=clock, senses=options.active_sensing).run(lines)
    except PortError as error:  # the device is gone
        report({"error": str(error)})
        return 1
    finally:
        for port in [*ports, clock] if clock else ports:
            port.close()
    return 0


def _channels(text: str) -> list[int]:
    return [int(channel) for channel in text.split(",")]


def _open(name: str, *, virtual: bool, api: str | None, exact: bool) -> OutputPort | JackPort:
    """`exact`: to the sample, where that can be had."""
    if exact and virtual and choose_api(api) == "jack":
        # JACK's thread must not wait for ours beyond its cycle.
        sys.setswitchinterval(0.0001)
        gc.freeze()
        refuse_twin(name, "jack")
        return JackPort(name)
    ahead = half_a_period() if choose_api(api) == "jack" else Nanos(0)
    return open_output(name, virtual=virtual, api=api, ahead=ahead)


if __name__ == "__main__":
    sys.exit(main())
