"""What may follow what: the state after each token, and the slices of the vocabulary allowed next.

    begin style? meter tempo (part program)+   |   bar meter? (position (part pitch velocity duration)+)*   ...   end

The state is a value: keep one per token and a rewind is a list cut.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from model.tokens.vocabulary import (
    BAR,
    BEGIN,
    BLOCK_OF,
    DURATION,
    DURATION_STEPS,
    END,
    METER,
    PART,
    PARTS,
    PITCH,
    POSITION,
    PROGRAM,
    STYLE,
    TEMPO,
    TICKS_PER_STEP,
    VELOCITY,
    Block,
    bar_steps,
    token_name,
    velocity_of,
)
from music.errors import TradefoursError
from music.score import Note
from music.time import Tick

Ranges = tuple[tuple[int, int], ...]  # half-open runs of token ids, ascending
ALL_PARTS = (1 << PARTS) - 1
ALL_PITCHES = (1 << PITCH.size) - 1


class BadToken(TradefoursError):
    """A token that the grammar does not allow here."""


class State(NamedTuple):
    """Everything about the past that the grammar and the decoder need. A tuple: one is made for every token."""

    last: Block | None = None  # the block of the last token; None before the first
    header_parts: int = 0  # bit i: part i is bound to a program
    bar_start: int = 0  # absolute grid step of the current bar, or of the first bar before it has begun
    meter: int = 0  # index into the table
    bars: int = 0  # bars begun
    position: int = -1  # grid step in the bar; -1 at its line
    part: int = -1  # of the note being written, or the last one of this chord
    pitch: int = -1
    velocity: int = 0

    @property
    def step(self) -> int:
        """Absolute grid step up to which music is written."""
        return self.bar_start + max(self.position, 0)

    @property
    def bar_length(self) -> int:
        """In grid steps."""
        return bar_steps(self.meter)

    @property
    def bar_end(self) -> int:
        return self.bar_start + (self.bar_length if self.bars else 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a caller asks beyond grammar. Steps are absolute; they bind notes that have not begun."""

    parts: int = ALL_PARTS  # bit i: part i may play; where none of the header's may, bars stay empty
    earliest: int = 0
    latest: int | None = None  # a new onset comes no later than this, where the grammar can do it
    may_end: bool = True
    joining: int = ALL_PARTS  # bit i: a note of part i may join the onset of another
    pitches: tuple[int, ...] | None = None  # of each part, bit p: pitch p; none of them empty


ANYTHING = Limits()


def advance(state: State, token: int) -> State:
    """The state after `token`. Trusts the token: check with `is_allowed` where it comes from outside."""
    block = BLOCK_OF[token]
    value = token - block.start
    if block is POSITION:
        return state._replace(last=block, position=value, part=-1, pitch=-1)
    if block is PART:
        # In the header, and for a new player in a chord, any pitch may follow.
        pitch = state.pitch if value == state.part and state.bars else -1
        return state._replace(last=block, part=value, pitch=pitch)
    if block is PITCH:
        return state._replace(last=block, pitch=value)
    if block is VELOCITY:
        return state._replace(last=block, velocity=velocity_of(value))
    if block is BAR:
        return state._replace(last=block, bar_start=state.bar_end, bars=state.bars + 1, position=-1, part=-1, pitch=-1)
    if block is METER:
        return state._replace(last=block, meter=value)
    if block is PROGRAM:
        return state._replace(last=block, header_parts=state.header_parts | 1 << state.part)
    if block is BEGIN:
        return State(last=block)
    return state._replace(last=block)


def finished_note(state: State, token: int) -> Note | None:
    """The note that `token`, read in `state`, completes."""
    if token not in DURATION:
        return None
    ticks = DURATION_STEPS[token - DURATION.start] * TICKS_PER_STEP
    return Note(Tick(state.step * TICKS_PER_STEP), state.part, state.pitch, state.velocity, ticks)


def allowed(state: State, limits: Limits = ANYTHING) -> Ranges:
    """The token ids that may come next. Empty only after the end."""
    last = state.last
    if last is POSITION:
        return _parts(state, limits) or _parts(state, ANYTHING)
    if last is PART:
        return _pitches(state, limits) if state.bars else _whole(PROGRAM)
    if last is PITCH:
        return _whole(VELOCITY)
    if last is VELOCITY:
        return _whole(DURATION)
    if last in (DURATION, BAR) or (last is METER and state.bars):
        return _next_in_bar(state, limits)
    return _in_header(state)


def is_allowed(state: State, token: int) -> bool:
    return any(start <= token < stop for start, stop in allowed(state))


def checked_advance(state: State, token: int) -> State:
    if not is_allowed(state, token):
        raise BadToken(f"expected {describe(allowed(state))}, got {token_name(token)}")
    return advance(state, token)


def describe(ranges: Ranges) -> str:
    names = dict.fromkeys(BLOCK_OF[start].name for start, _ in ranges)
    return " or ".join(names) or "nothing after the end"


def _whole(block: Block, first: int = 0) -> Ranges:
    return ((block[first], block.stop),)


def _in_header(state: State) -> Ranges:
    match state.last:
        case None:
            return _whole(BEGIN)
        case last if last is BEGIN:
            return (*_whole(STYLE), *_whole(METER))
        case last if last is STYLE:
            return _whole(METER)
        case last if last is METER:
            return _whole(TEMPO)
        case last if last is TEMPO:
            return _whole(PART)
        case last if last is PROGRAM:
            more = _whole(PART, state.part + 1) if state.part + 1 < PARTS else ()
            return (*_whole(BAR), *more)
    return ()


def _next_in_bar(state: State, limits: Limits) -> Ranges:
    first = max(state.position + 1, limits.earliest - state.bar_start)
    stop = state.bar_length if state.header_parts & limits.parts else 0
    if limits.latest is not None:
        stop = min(stop, max(limits.latest - state.bar_start + 1, 0))
    latest_allows_bar = limits.latest is None or state.bar_end <= limits.latest
    positions = ((POSITION.start + first, POSITION.start + stop),) if first < stop else ()
    in_chord = state.last is DURATION and limits.joining and state.step >= limits.earliest
    chord = _parts(state, limits, limits.joining) if in_chord else ()
    bar = _whole(BAR) if latest_allows_bar or not positions else ()
    meter = _whole(METER) if state.last is BAR and limits.may_end else ()
    end = _whole(END) if limits.may_end else ()
    return (*meter, *end, *bar, *positions, *chord)


def _parts(state: State, limits: Limits, joining: int = ALL_PARTS) -> Ranges:
    """Players that may enter this chord: in order, each with a pitch left above its last."""
    first = max(state.part, 0)
    if state.part >= 0 and not _mask(state.part, limits) >> state.pitch + 1:
        first += 1
    bits = state.header_parts & limits.parts & joining
    return tuple((PART.start + i, PART.start + i + 1) for i in range(first, PARTS) if bits >> i & 1)


def _pitches(state: State, limits: Limits) -> Ranges:
    """Above the part's last in this chord."""
    above = ALL_PITCHES >> state.pitch + 1 << state.pitch + 1
    mask = above & _mask(state.part, limits) or above
    return tuple((PITCH.start + first, PITCH.start + stop) for first, stop in runs(mask))


def mask_of(places: Iterable[int]) -> int:
    """These bits are ones: parts, or pitches."""
    return sum(1 << place for place in set(places))


def _mask(part: int, limits: Limits) -> int:
    return ALL_PITCHES if limits.pitches is None else limits.pitches[part]


@lru_cache(maxsize=4096)
def runs(mask: int) -> tuple[tuple[int, int], ...]:
    """The half-open runs of ones in `mask`, lowest first."""
    found = []
    first = 0
    while mask >> first:
        first += (mask >> first & -(mask >> first)).bit_length() - 1  # over the zeros
        length = (~(mask >> first) & (mask >> first) + 1).bit_length() - 1  # of the ones
        found.append((first, first + length))
        first += length
    return tuple(found)
