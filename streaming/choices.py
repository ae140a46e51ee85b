"""What the machine may write next: the grammar, its turn, and what the players ask of it, as one draw.

Pure: knows no plan and changes nothing.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import takewhile
from typing import Final, NamedTuple

from model.engine.work import Draw, Follower, Sampling
from model.tokens.codec import duration_token
from model.tokens.grammar import ALL_PARTS, Limits, Ranges, State, advance, allowed, mask_of
from model.tokens.vocabulary import DURATION, PART, PITCH, POSITION, STEPS_PER_QUARTER, TICKS_PER_STEP, VELOCITY, Block
from music.expectation import Classes, tally
from music.harmony import Key, likeliest_key
from music.time import TICKS_PER_QUARTER, Tick
from streaming.guard import is_repeating, worn
from streaming.scribe import Line
from streaming.settings import Settings
from streaming.taste import ANY, DRUMS, Bias, Place, Taste, bias, pitches, velocity_bias
from streaming.turns import Turn

THIN = 1.0  # so much less density where the engine cannot keep up
LONGEST_WAIT: Final = 4.0  # bars that a part of the machine's may rest
ACCOMPANIST_WAIT: Final = 1.0  # the same of an accompanist, whatever it plays
DRUMS_WAIT: Final = 1.0  # the same of drums: 2 % of a drummer's bars in held-out music are empty, of others' 20 %
LONGEST_REST: Final = 2  # bars without an onset of anybody: a network that has rested goes on resting
MOST_AT_ONCE = 5  # notes of one part: of its onsets in held-out music 0.04 % have more, of a drummer's 0.4 %
SOUNDING: Final = TICKS_PER_QUARTER // 2  # so long a note that has ended still counts as sounding
PACE_S: Final = 2.0  # so far back onsets are counted
REMEMBERED = 64  # notes by which the key is heard
TOGETHER: Final = frozenset({"duet", "accompany", "continue"})  # modes in which all may play at once


class Scene(NamedTuple):
    """Everything around the next token. A tuple: some ten are made for every note."""

    state: State
    settings: Settings
    turn: Turn
    lines: Sequence[Line]  # the truth, in order
    now: Tick
    earliest: int  # grid step of the next onset
    is_thin: bool
    is_shared: bool = False  # humans play at this time, too: a moment may be theirs
    throw: int = 0
    is_placed: bool = True  # the state's position is where the note will be, not one of several
    leans: tuple[Classes, Classes] | None = None  # the humans' last notes, and those of them that sound
    returns_by: int = 0  # the grid step by which the machine should play, however much the humans do

    @property
    def taste(self) -> Taste:
        return self.settings.taste

    @property
    def part(self) -> int:
        """Whose note is written: to the grammar parts are slots."""
        return self.settings.header.part_of(self.state.part)

    def behind(self, token: int) -> "Scene":
        """With `token` written; of a position, as one of those that there are."""
        return self._replace(state=advance(self.state, token), is_placed=self.is_placed and token not in POSITION)

    @property
    def is_last_chord(self) -> bool:
        close = self.turn.close
        return close is not None and self.state.bar_start * TICKS_PER_STEP == close


def draw(scene: Scene) -> Draw:
    """The next token, and behind it, at once, the rest of its note: as far as what that may be is known by now."""
    if scene.is_thin:
        taste = replace(scene.taste, density=max(-1.0, scene.taste.density - THIN))
        scene = scene._replace(settings=replace(scene.settings, taste=taste))
    if scene.taste.is_leaning and not scene.taste.chart:
        scene = scene._replace(leans=_leans(scene))
    return replace(_drawn(scene._replace(returns_by=_returns_by(scene))), throw=scene.throw)


def _drawn(scene: Scene) -> Draw:
    """The next token, and what may be drawn at once behind it."""
    state, taste, place = scene.state, scene.taste, _place(scene)
    limits = Limits(
        parts=scene.settings.header.slots_of(_players(scene, scene.settings.machine & ~taste.muted)),
        earliest=scene.earliest,
        latest=_latest(scene),
        may_end=False,
        joining=0 if scene.is_thin else _joining(scene),
        pitches=_in_slots(pitches(taste, place), scene.settings.header.order),
    )
    ranges, sampling = allowed(state, limits), scene.settings.sampling
    offsets = bias(taste, place, state, ranges)
    if state.last is PART:
        shortest = duration_token(scene.settings.bar // 2) if scene.is_last_chord else DURATION.start
        return _note(ranges, offsets, sampling, taste.dynamics, shortest)
    return Draw(allowed=ranges, sampling=sampling, bias=offsets, then=_followers(scene, ranges))


def _followers(scene: Scene, ranges: Ranges) -> tuple[Follower, ...]:
    """Behind a position the part, behind a part of the machine's its pitch. Behind a human's the moment is theirs."""
    found = []
    for first, stop in ranges:
        if first in POSITION:
            found.append(Follower(*_all(POSITION), _drawn(scene.behind(first))))
        elif first in PART and _may_go_on(scene, scene.settings.header.part_of(first - PART.start)):
            found.append(Follower(first, stop, _drawn(scene.behind(first))))
    return tuple(found)


def _may_go_on(scene: Scene, part: int) -> bool:
    """It is the machine's, and its taste in pitches is known: the position is, or it is the same at all of them."""
    is_ours = bool(scene.settings.machine >> part & 1)
    if scene.is_placed or not is_ours:
        return is_ours
    taste, state, most = scene.taste, scene.state, scene.taste.repetition_guard
    is_guarded = most and is_repeating(scene.lines, part, state.step, state.bar_length, most)
    return not (taste.chart or is_guarded or scene.turn.close is not None)


@lru_cache(maxsize=1024)
def _note(pitches: Ranges, offsets: Bias, sampling: Sampling, dynamics: float, shortest: int) -> Draw:
    """Pitch, velocity and duration. `shortest`: a token. Most notes are drawn as others were, so they are kept."""
    duration = Draw(allowed=((shortest, DURATION.stop),), sampling=sampling)
    behind = (Follower(*_all(VELOCITY), duration),)
    louder = velocity_bias(dynamics) if dynamics else ()
    velocity = Draw(allowed=(_all(VELOCITY),), sampling=sampling, bias=louder, then=behind)
    return Draw(allowed=pitches, sampling=sampling, bias=offsets, then=(Follower(*_all(PITCH), velocity),))


@lru_cache(maxsize=64)
def _in_slots(masks: tuple[int, ...], order: tuple[int, ...]) -> tuple[int, ...]:
    """What is said of each part, as what is said of each slot."""
    return tuple(masks[part] for part in order) + ANY[len(order) :] if order else masks


def _all(block: Block) -> tuple[int, int]:
    return block.start, block.stop


def key_of(settings: Settings, lines: Sequence[Line]) -> Key:
    """The key that was asked for, else the one that the last notes are in."""
    if settings.taste.key:
        return settings.taste.key
    drums = {part for part, program in settings.header.programs.items() if program == DRUMS}
    weights = [0.0] * 12
    for line in lines[-REMEMBERED:]:
        if line.part not in drums:
            weights[line.pitch % 12] += min(line.duration or TICKS_PER_QUARTER, 4 * TICKS_PER_QUARTER)
    return likeliest_key(weights)


def _players(scene: Scene, machine: int) -> int:
    """Whose note may come next: the humans' too, where they may play and none of the machine's is overdue."""
    is_free = scene.settings.mode in TOGETHER and scene.turn.opens_by is None and scene.turn.close is None
    is_overdue = max(scene.earliest, scene.state.step) >= scene.returns_by
    if is_overdue or not (machine and is_free and scene.is_shared):
        return machine
    return machine | mask_of(scene.settings.human)


def _joining(scene: Scene) -> int:
    """Who may add to the chord that is being written: no part beyond what hands can play."""
    state = scene.state
    if state.last is not DURATION:
        return ALL_PARTS
    chord = takewhile(lambda line: line.step == state.step, reversed(scene.lines))
    part = scene.part
    is_full = sum(line.part == part for line in chord) >= MOST_AT_ONCE
    return ALL_PARTS & ~(1 << state.part) if is_full else ALL_PARTS


def _latest(scene: Scene) -> int:
    """No note of the machine's comes later than this."""
    state, turn = scene.state, scene.turn
    if scene.is_last_chord:
        return state.bar_start
    by = _rests_to(scene) if turn.opens_by is None else turn.opens_by // TICKS_PER_STEP
    return max(scene.earliest, min(by, scene.returns_by), state.step + 1)


def _rests_to(scene: Scene) -> int:
    """The grid step by which somebody should play again."""
    last = scene.lines[-1].step if scene.lines else 0
    return max(last, scene.turn.begin // TICKS_PER_STEP) + LONGEST_REST * scene.state.bar_length


def _returns_by(scene: Scene) -> int:
    """A machine that is silent for longer seems to be gone."""
    bar, since = scene.state.bar_length, None
    for line in reversed(scene.lines):
        if since is not None and since - line.step > LONGEST_REST * bar:
            break  # behind a pause of all of them the music begins anew
        since = line.step
        if scene.settings.machine >> line.part & 1:
            break
    longest = ACCOMPANIST_WAIT if scene.settings.mode == "accompany" else LONGEST_WAIT
    return max(since or 0, scene.turn.begin // TICKS_PER_STEP) + round(longest * bar)


def _place(scene: Scene) -> Place:
    """Of what is heard there no more than the next token depends on: a note asks for several places."""
    state, settings, taste, turn = scene.state, scene.settings, scene.taste, scene.turn
    place = Place(bar=state.bar_start // state.bar_length, position=max(state.position, 0), bar_length=state.bar_length)
    if state.last is PART:
        place = place._replace(is_tuned=taste.is_tuned(scene.part), leans=scene.leans)
        if taste.is_following:
            place = place._replace(heard=_heard(scene))
        if taste.repetition_guard and place.is_tuned:
            most = taste.repetition_guard
            place = place._replace(worn=worn(scene.lines, scene.part, state.step, state.bar_length, most))
    else:
        if taste.leave_space:
            place = place._replace(onsets=_onsets(scene))
        place = place._replace(pace=_pace(scene))
        if settings.machine.bit_count() > 1:
            place = place._replace(waits=_waits(scene))
    if turn.close is None:
        return place
    key = key_of(settings, scene.lines)
    if scene.is_last_chord:
        return place._replace(resolves_to=key.tonic_chord)
    dominant = frozenset((key.tonic + step) % 12 for step in (7, 11, 2, 5))
    is_near = turn.close - state.step * TICKS_PER_STEP <= settings.bar // 2
    return place._replace(leads_to=dominant) if is_near else place


def _waits(scene: Scene) -> tuple[tuple[int, float], ...]:
    """How much of the longest wait each of the machine's parts has not played, by slots."""
    bar, here = scene.state.bar_length, scene.state.step
    newest = {line.part: line.step for line in _last(scene)}  # lines are in order: the last one stays

    def waited(part: int, program: int) -> float:
        if part not in newest:
            return 1.0
        longest = DRUMS_WAIT if program == DRUMS else LONGEST_WAIT
        return min(1.0, max(0.0, (here - newest[part]) / bar / longest))

    header, machine = scene.settings.header, scene.settings.machine
    parts = ((part, program) for part, program in header.programs.items() if machine >> part & 1)
    return tuple((header.slot_of(part), waited(part, program)) for part, program in parts)


def _heard(scene: Scene) -> frozenset[int]:
    """Pitch classes of the humans' notes that are held or began in the last beat."""
    since = scene.now - TICKS_PER_QUARTER
    return frozenset(line.pitch % 12 for line in _recent(scene) if line.is_held or line.onset >= since)


def _leans(scene: Scene) -> tuple[Classes, Classes] | None:
    """None where they have not played."""
    programs, since = scene.settings.header.programs, scene.now - SOUNDING
    heard = [line for line in _recent(scene) if programs[line.part] != DRUMS]
    sounding = (line for line in heard if line.is_held or line.onset + (line.duration or 0) > since)
    return (tally(line.pitch for line in heard), tally(line.pitch for line in sounding)) if heard else None


def _onsets(scene: Scene) -> int:
    """Of the humans, in the last two beats."""
    since = scene.now - 2 * TICKS_PER_QUARTER
    return len({line.step for line in _recent(scene) if line.onset >= since})


def _pace(scene: Scene) -> float:
    """Onsets a second of all players, in what is written of the last seconds before the place that is drawn."""
    since = scene.state.step - PACE_S * scene.settings.header.bpm / 60 * STEPS_PER_QUARTER
    newest = takewhile(lambda line: line.step >= since, reversed(scene.lines))
    return len({line.step for line in newest}) / PACE_S


def _recent(scene: Scene) -> list[Line]:
    human = scene.settings.human
    return [line for line in _last(scene) if line.part in human and line.onset <= scene.now]


def _last(scene: Scene) -> Sequence[Line]:
    return scene.lines[-4 * REMEMBERED :]
