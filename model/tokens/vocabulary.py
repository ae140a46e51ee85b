"""The one table of the structured representation: blocks of token ids, their attributes, their values.

One token is one attribute of one note (SAGE-Music, arXiv 2510.00395, introduction).
Knows no order: that is the grammar's.
"""

import math
from dataclasses import dataclass
from enum import IntEnum

from music.time import FREE, TICKS_PER_QUARTER, Meter

STEPS_PER_QUARTER = 48
TICKS_PER_STEP = TICKS_PER_QUARTER // STEPS_PER_QUARTER
PARTS = 16
STYLES = (
    *("folk", "song", "pop", "classical", "piano", "drums", "jazz", "lead sheet"),
    *("hymn", "game", "quartet", "orchestra", "band"),
)
METERS = (FREE, *(Meter(n, d) for d, most in ((2, 4), (4, 8), (8, 16), (16, 16)) for n in range(1, most + 1)))
LONGEST_BAR = 8 * STEPS_PER_QUARTER
# Exact to a quarter note, then in growing steps up to sixteen quarters.
DURATION_STEPS = (*range(1, 49), *range(54, 97, 6), *range(108, 193, 12), *range(216, 385, 24), *range(432, 769, 48))
SLOWEST_BPM, FASTEST_BPM, TEMPOS = 30.0, 300.0, 32
VELOCITY_WIDTH = 4


class Attribute(IntEnum):
    """What a token says of a note. The network may route by it."""

    TIME = 0
    PART = 1
    PITCH = 2
    VELOCITY = 3
    DURATION = 4


@dataclass(frozen=True, slots=True)
class Block:
    """A run of token ids: `start` up to, not including, `stop`."""

    name: str
    start: int
    size: int
    attribute: Attribute

    @property
    def stop(self) -> int:
        return self.start + self.size

    def __contains__(self, token: int) -> bool:
        return self.start <= token < self.stop

    def __getitem__(self, value: int) -> int:
        """The token of `value`."""
        if not 0 <= value < self.size:
            raise ValueError(f"expected a {self.name} of 0 to {self.size - 1}, got {value}")
        return self.start + value


def _lay_out() -> dict[str, Block]:
    # What may follow a finished note (end, bar, position, part) lies together: one slice of the output head.
    sizes = [
        ("begin", 1, Attribute.TIME),
        ("style", len(STYLES), Attribute.TIME),
        ("tempo", TEMPOS, Attribute.TIME),
        ("meter", len(METERS), Attribute.TIME),
        ("end", 1, Attribute.TIME),
        ("bar", 1, Attribute.TIME),
        ("position", LONGEST_BAR, Attribute.TIME),
        ("part", PARTS, Attribute.PART),
        ("program", 129, Attribute.PART),
        ("pitch", 128, Attribute.PITCH),
        ("velocity", 128 // VELOCITY_WIDTH, Attribute.VELOCITY),
        ("duration", len(DURATION_STEPS), Attribute.DURATION),
    ]
    blocks, start = {}, 0
    for name, size, attribute in sizes:
        blocks[name] = Block(name, start, size, attribute)
        start += size
    return blocks


BLOCKS = _lay_out()
BEGIN, STYLE, TEMPO, METER = (BLOCKS[name] for name in ("begin", "style", "tempo", "meter"))
END, BAR, POSITION, PART = (BLOCKS[name] for name in ("end", "bar", "position", "part"))
PROGRAM, PITCH, VELOCITY, DURATION = (BLOCKS[name] for name in ("program", "pitch", "velocity", "duration"))
VOCABULARY = DURATION.stop

BLOCK_OF: tuple[Block, ...] = tuple(block for block in BLOCKS.values() for _ in range(block.size))
ATTRIBUTE_OF: tuple[int, ...] = tuple(int(block.attribute) for block in BLOCK_OF)
# The header's own words, which every query of a partitioned network may see.
IN_HEADER: tuple[bool, ...] = tuple(block in (BEGIN, STYLE, TEMPO, METER, PROGRAM) for block in BLOCK_OF)

_BAR_STEPS = tuple(meter.bar_ticks // TICKS_PER_STEP for meter in METERS)
_METER_INDEX = {meter: index for index, meter in enumerate(METERS)}
_NEAREST_DURATION = tuple(
    min(range(len(DURATION_STEPS)), key=lambda i: abs(DURATION_STEPS[i] - steps)) for steps in range(769)
)


def bar_steps(meter_index: int) -> int:
    return _BAR_STEPS[meter_index]


def meter_index(meter: Meter) -> int:
    """The table's index of `meter`, or of the nearest that divides its bar: 9/4 becomes 3/4, 11/32 becomes 4/4."""
    if meter in _METER_INDEX:
        return _METER_INDEX[meter]
    for parts in range(2, meter.numerator + 1):
        shorter = Meter(meter.numerator // parts, meter.denominator)
        if meter.numerator % parts == 0 and shorter in _METER_INDEX:
            return _METER_INDEX[shorter]
    return _METER_INDEX[Meter(4, 4)]


def tempo_index(bpm: float) -> int:
    position = math.log(max(bpm, SLOWEST_BPM) / SLOWEST_BPM) / math.log(FASTEST_BPM / SLOWEST_BPM)
    return min(TEMPOS - 1, round(position * (TEMPOS - 1)))


def bpm_of(index: int) -> float:
    ratio: float = (FASTEST_BPM / SLOWEST_BPM) ** (index / (TEMPOS - 1))
    return SLOWEST_BPM * ratio


def duration_index(steps: int) -> int:
    return _NEAREST_DURATION[min(max(steps, 1), 768)]


def velocity_index(velocity: int) -> int:
    return velocity // VELOCITY_WIDTH


def velocity_of(index: int) -> int:
    return index * VELOCITY_WIDTH + VELOCITY_WIDTH // 2


def token_name(token: int) -> str:
    """For logs and error texts: "position 36"."""
    block = BLOCK_OF[token]
    return f"{block.name} {token - block.start}" if block.size > 1 else block.name
