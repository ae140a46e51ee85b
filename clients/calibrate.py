"""How late an instrument sounds: clicks go out, and what comes back in is set beside them.

Whoever hears them taps a key on each; a cable, or a track of the DAW, that sends them back does without a hand. Knows
no music and no server.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from statistics import median
from time import monotonic_ns, sleep
from typing import Final

from clients.ports import INPUT_NAME, OUTPUT_NAME, open_input, open_output
from music.errors import PortError
from music.messages import KeyDown, note_off, note_on, parse
from music.time import Nanos

CLICKS: Final = 20
LISTENED: Final = 4  # nobody is with the first ones
FEWEST: Final = 8
EVERY_S: Final = 0.6
LENGTH_S: Final = 0.06
MOST_UNEVEN_MS: Final = 30.0
USUAL: Final = Nanos(200_000_000)  # instruments are late, over the air by half a second, and hardly ever early
PART, PITCH, VELOCITY = 1, 84, 100  # as the machine's first part plays: on channel 2


@dataclass(frozen=True, slots=True)
class Calibration:
    late_ms: float  # the median; negative: early
    uneven_ms: float  # half of all are nearer to it than this
    heard: int

    @property
    def is_sure(self) -> bool:
        return self.heard >= FEWEST and self.uneven_ms <= MOST_UNEVEN_MS

    def __str__(self) -> str:
        if self.heard < FEWEST:
            return f"expected at least {FEWEST} keys on the clicks, got {self.heard}: tap one key on every click"
        if not self.is_sure:
            return f"expected keys that are even to {MOST_UNEVEN_MS:g} ms, got {self.uneven_ms:.0f}: try again"
        what = (
            f"{self.heard} keys were {self.late_ms:.1f} ms behind the clicks, half of them within {self.uneven_ms:.1f}"
        )
        return f"{what}: --offset-ms {-round(self.late_ms)}"


def calibrate(
    output: str | None, input: str | None, api: str | None, *, wait_s: float, clicks: int = CLICKS
) -> Calibration:
    """Clicks at an existing port or at `Tradefours Out`, keys from one or from `Tradefours In`.

    They begin when a key is played, or after `wait_s`. Raises PortError.
    """
    keys: SimpleQueue[int] = SimpleQueue()

    def heard(message: bytes, at: Nanos) -> None:  # in the driver's thread
        if isinstance(parse(message), KeyDown):
            keys.put(at)

    out = open_output(output or OUTPUT_NAME, virtual=output is None, api=api)
    try:
        ear = open_input(input or INPUT_NAME, heard, virtual=input is None, api=api)
        try:
            _wait_for(keys, wait_s)
            sent = []
            for _ in range(clicks):
                sent.append(monotonic_ns())
                out.send(note_on(PART, PITCH, VELOCITY))
                sleep(LENGTH_S)
                out.send(note_off(PART, PITCH))
                sleep(EVERY_S - LENGTH_S)
        finally:
            ear.close()
    finally:
        with suppress(PortError):
            out.send(note_off(PART, PITCH))  # whoever interrupts us may do so in the middle of a click
        out.close()
    return judge(sent, _all(keys))


def judge(clicks: Sequence[int], keys: Sequence[int]) -> Calibration:
    """Moments in nanoseconds. Each key belongs to the click that it is likeliest to follow, or slightly to precede."""
    nearest = [min(range(len(clicks)), key=lambda click: abs(key - USUAL - clicks[click])) for key in keys]
    late = [(key - clicks[click]) / 1e6 for key, click in zip(keys, nearest, strict=True) if click >= LISTENED]
    middle = median(late) if late else 0.0
    return Calibration(middle, median(abs(each - middle) for each in late) if late else 0.0, len(late))


def _wait_for(keys: SimpleQueue[int], wait_s: float) -> None:
    try:
        keys.get(timeout=wait_s)
    except Empty:
        return
    sleep(EVERY_S)  # that key is none of those on the clicks


def _all(keys: SimpleQueue[int]) -> list[int]:
    found = []
    while not keys.empty():
        found.append(keys.get())
    return found
