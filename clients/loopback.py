"""How long a MIDI message takes through this system, and how unevenly: from a port of ours back to another.

Knows no music and no server.
"""

from queue import Empty, SimpleQueue
from time import monotonic_ns, sleep
from typing import Final

from clients.ports import open_input, open_output
from clients.times import Times

NAME: Final = "Tradefours Doctor"
MESSAGES: Final = 100
EVERY_S: Final = 0.007  # no multiple of what systems use as a period
WAIT_S: Final = 0.5


def measure_loopback(api: str | None = None) -> Times:
    """What is lost is not in it. Raises PortError where this system makes no virtual ports."""
    heard: SimpleQueue[tuple[int, int]] = SimpleQueue()
    out = open_output(NAME, api=api)
    try:
        ear = open_input(NAME, lambda message, _: heard.put((message[1], monotonic_ns())), virtual=False, api=api)
        try:
            sent = []
            for number in range(MESSAGES):
                sent.append(monotonic_ns())
                out.send(bytes((0xB0, number, 0)))
                sleep(EVERY_S)
            sleep(WAIT_S)
        finally:
            ear.close()
    finally:
        out.close()
    return Times(at - sent[number] for number, at in _all(heard))


def measure_waking() -> Times:
    """How late this system wakes who sleeps for a millisecond."""
    late = Times()
    for _ in range(MESSAGES):
        due = monotonic_ns() + 1_000_000
        sleep(0.001)
        late.add(monotonic_ns() - due)
    return late


def _all(heard: SimpleQueue[tuple[int, int]]) -> list[tuple[int, int]]:
    found = []
    try:
        while True:
            found.append(heard.get_nowait())
    except Empty:
        return found
