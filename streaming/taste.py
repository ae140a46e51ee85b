"""What the players ask of the machine's notes: key, chords, range, density, dynamics, space; as limits and offsets
for the next draw. Knows no session and no time passing: the place in the music is given.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, NamedTuple

from model.tokens.grammar import ALL_PITCHES, Ranges, State, mask_of
from model.tokens.vocabulary import (
    BAR,
    PART,
    PARTS,
    PITCH,
    POSITION,
    STEPS_PER_QUARTER,
    VELOCITY,
)
from music.expectation import Classes, expectation
from music.harmony import Chart, Key, PitchClasses, parse_chart, pitches_of
from streaming.messages import FOLLOW, Control, PlayerPart, Start

DRUMS: Final = 128
CHORD_OFFSET: Final = 2.0  # of a chord tone's logit
THINNER: Final = 7.0  # logits between a note at once and one a quarter later, or more, at density -1
THICKER: Final = 2.0  # the same at density 1: many notes come easier than few
STACK_OFFSET: Final = 0.5  # of one more note in a chord, likewise
OVERDUE: Final = 24.0  # of a part of several that has waited for as long as it may: it is next
WORN_OFFSET: Final = -4.0  # of a pitch that would be one too many of the same
LOUDNESS: Final = 8.0  # logits from the softest to the loudest, at dynamics 1 or -1
BUSY: Final = 8  # onsets of the humans in two beats that fill all the space
ENOUGH: Final = 11.0  # onsets a second, all parts together: one twentieth of held-out music has more
MORE: Final = 2**0.5  # times as many are enough at density 1, which one hundredth has; at -1 as many times fewer
ANY: Final = (ALL_PITCHES,) * PARTS

Bias = tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taste:
    key: Key | None = None
    is_leaning: bool = True  # to the key and the chords of what the humans play
    chart: Chart = ()
    is_following: bool = False  # the chords are those that the humans play
    density: float = 0.0
    dynamics: float = 0.0
    leave_space: float = 0.0
    repetition_guard: int = 8  # strikes or bars in a row; 0: no matter
    muted: int = 0  # bit i: part i is silent
    ranges: tuple[tuple[int, int, int], ...] = ()  # (part, low, high) of the machine's parts but drums

    @classmethod
    def of(cls, start: Start) -> "Taste":
        return cls(
            key=asked_key(start.key),
            is_leaning=start.key == FOLLOW,
            chart=asked_chart(start.chords),
            is_following=start.chords == FOLLOW,
            density=start.density,
            dynamics=start.dynamics,
            leave_space=start.leave_space,
            repetition_guard=start.repetition_guard,
            ranges=_ranges(start.machine),
        )

    def is_tuned(self, part: int) -> bool:
        """It plays pitches, not drums."""
        return any(part == tuned for tuned, _, _ in self.ranges)

    def changed(self, control: Control) -> "Taste":
        said = control.model_dump(include={"density", "dynamics", "leave_space", "repetition_guard"}, exclude_none=True)
        if control.key is not None:
            said |= {"key": asked_key(control.key), "is_leaning": control.key == FOLLOW}
        if control.chords is not None:
            said |= {"chart": asked_chart(control.chords), "is_following": control.chords == FOLLOW}
        if control.mute is not None:
            said["muted"] = mask_of(control.mute)
        if control.machine is not None:
            said["ranges"] = _ranges(control.machine)
        return replace(self, **said)


class Place(NamedTuple):
    """Where in the music a token is drawn, and what is heard there."""

    bar: int  # number of the bar, from tick 0
    position: int  # in its bar, in grid steps
    bar_length: int
    heard: PitchClasses = frozenset()  # of the humans, in the last beat
    onsets: int = 0  # of the humans, in the last two beats
    pace: float = 0.0  # onsets a second of all players, before this place
    leans: tuple[Classes, Classes] | None = None  # to the key of these notes of the humans, and the chord of those
    worn: frozenset[int] = frozenset()  # pitches that have been struck too often
    is_tuned: bool = False  # who plays here plays pitches
    waits: tuple[tuple[int, float], ...] = ()  # (slot, 0 to 1: how long it has waited), where the machine has several
    resolves_to: PitchClasses | None = None  # only these may sound: the last chord
    leads_to: PitchClasses | None = None  # these are likelier: the chord before it

    @property
    def is_on_beat(self) -> bool:
        return self.position % STEPS_PER_QUARTER == 0


def chord_at(taste: Taste, place: Place) -> PitchClasses | None:
    if place.leads_to:
        return place.leads_to
    if taste.chart:
        chords = taste.chart[place.bar % len(taste.chart)]
        return chords[min(place.position * len(chords) // place.bar_length, len(chords) - 1)]
    return place.heard if taste.is_following and place.heard else None


def pitches(taste: Taste, place: Place) -> tuple[int, ...]:
    """Of each part, bit p: it may play pitch p. A typed chord holds on the beat, the key or the chord between beats."""
    masks = list(ANY)
    classes = _classes(taste, place)
    for part, low, high in taste.ranges:
        masks[part] = _within(classes, low, high)
    return tuple(masks)


def bias(taste: Taste, place: Place, state: State, ranges: Ranges) -> Bias:
    """Offsets for the next draw, which is from `ranges`."""
    first = ranges[0][0]
    if first in PITCH:
        return _pitch_bias(chord_at(taste, place), place.leans, place.worn) if place.is_tuned else ()
    if first in PART:
        return tuple((PART[slot], OVERDUE * waited**3) for slot, waited in place.waits)
    space = taste.leave_space * min(1.0, place.onsets / BUSY)
    tilt = max(-1.0, min(taste.density, _spare(taste, place)) - 2 * space)
    return _density_bias(tilt, max(state.position, 0), state.bar_length) if tilt and _is_next(ranges) else ()


def _spare(taste: Taste, place: Place) -> float:
    """The most density that may be asked for: a network that has been dense goes on denser, until all is noise.

    1 up to half of what is enough, 0 there, and as much below from there on.
    """
    enough: float = ENOUGH * MORE**taste.density
    return 2 - 2 * place.pace / enough


def _classes(taste: Taste, place: Place) -> PitchClasses | None:
    """None where any may sound."""
    if place.resolves_to:
        return place.resolves_to
    key = taste.key.pitch_classes if taste.key else None
    if not taste.chart:
        return key
    chord = chord_at(taste, place)
    assert chord is not None
    if place.is_on_beat:
        return chord
    return chord | key if key else None


@lru_cache(maxsize=1024)
def _within(classes: PitchClasses | None, low: int, high: int) -> int:
    """Never empty: a range without such a pitch is open."""
    whole = mask_of(range(low, high + 1))
    return whole if classes is None else pitches_of(classes, low, high) or whole


@lru_cache(maxsize=256)
def _pitch_bias(chord: PitchClasses | None, leans: tuple[Classes, Classes] | None, worn: frozenset[int]) -> Bias:
    classes = list(expectation(*leans)) if leans else [0.0] * 12
    for each in chord or ():
        classes[each] += CHORD_OFFSET
    offsets = (classes * 11)[: PITCH.size]
    for pitch in worn:
        offsets[pitch] += WORN_OFFSET
    return tuple((PITCH.start + pitch, offset) for pitch, offset in enumerate(offsets) if offset)


@lru_cache(maxsize=64)
def velocity_bias(dynamics: float) -> Bias:
    """From -1, soft, to 1, loud."""
    return tuple((VELOCITY[i], LOUDNESS * dynamics * (i / (VELOCITY.size - 1) - 0.5)) for i in range(VELOCITY.size))


@lru_cache(maxsize=4096)
def _density_bias(tilt: float, position: int, bar_length: int) -> Bias:
    """A note that comes later is less likely, or likelier."""

    slope = THICKER if tilt > 0 else THINNER

    def later(steps: int) -> float:
        return -slope * tilt * min(steps, STEPS_PER_QUARTER) / STEPS_PER_QUARTER

    positions = tuple((POSITION[at], later(at - position)) for at in range(position, bar_length))
    joining = tuple((PART[slot], STACK_OFFSET * tilt) for slot in range(PARTS))
    return (*positions, *joining, (BAR[0], later(bar_length - position)))


def _is_next(ranges: Ranges) -> bool:
    """Whether the draw says when the next note comes, not who plays it or how."""
    return any(first in BAR or first in POSITION for first, _ in ranges)


def asked_key(text: str) -> Key | None:
    return None if text in ("", FOLLOW) else Key.parse(text)


def asked_chart(text: str) -> Chart:
    return () if text in ("", FOLLOW) else parse_chart(text)


def _ranges(machine: Iterable[PlayerPart]) -> tuple[tuple[int, int, int], ...]:
    return tuple((player.part, player.low, player.high) for player in machine if player.program != DRUMS)
