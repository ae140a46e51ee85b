"""Whether a MIDI clock comes in, at which tempo and how evenly. Knows no music and no server."""

from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import accumulate, pairwise
from statistics import linear_regression, median
from time import sleep
from typing import Final

from clients.ports import INPUT_NAME, Heard, list_ports, open_input
from clients.times import percentile
from music.errors import PortError
from music.messages import PULSE
from music.time import Nanos
from streaming.even_tempo import LEAST, PULSES_PER_QUARTER

LISTEN_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class HeardClock:
    bpm: float
    uneven_ms: float  # 95 % of all pulses are nearer than this to where an even clock has them

    def __str__(self) -> str:
        return f"{self.bpm:.1f} bpm, even to {self.uneven_ms:.2f} ms"


def heard_clocks(api: str, listen_s: float = LISTEN_S) -> dict[str, HeardClock]:
    """By port: all there are, and `Tradefours In` where no bridge has it. Raises PortError without a MIDI system."""
    pulses: dict[str, list[Nanos]] = {INPUT_NAME: [], **{name: [] for name in list_ports(api).inputs}}
    with ExitStack() as ports:
        for name, heard in pulses.items():
            with suppress(PortError):  # another program holds it
                port = open_input(name, _pulses_into(heard), virtual=name == INPUT_NAME, api=api)
                ports.callback(port.close)
        sleep(listen_s)
    return {name: clock for name, moments in pulses.items() if (clock := clock_of(moments))}


def clock_of(pulses: Sequence[int]) -> HeardClock | None:
    """Of moments in nanoseconds. None where they are too few for a tempo. Some may be lost."""
    gaps = [later - earlier for earlier, later in pairwise(pulses)]
    if len(gaps) < LEAST or not (usual := median(gaps)):
        return None
    numbers = list(accumulate((max(1, round(gap / usual)) for gap in gaps), initial=0))
    period, first = linear_regression(numbers, pulses)
    errors = (round(abs(at - first - number * period)) for number, at in zip(numbers, pulses, strict=True))
    return HeardClock(60e9 / PULSES_PER_QUARTER / period, percentile(errors, 0.95) / 1e6)


def _pulses_into(moments: list[Nanos]) -> Heard:
    def heard(message: bytes, at: Nanos) -> None:  # in the driver's thread
        if message[0] == PULSE:
            moments.append(at)

    return heard
