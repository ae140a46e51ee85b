"""The performance representation (PerceiverS, arXiv 2411.08307): keys go down and up, time passes in steps of 10 ms.

    (shift* (off | velocity? on)+)*   end

One instrument, no bars, no parts; the pedal is in the lengths of the notes. Notes here are Notes at the nominal tempo,
where a tick is a millisecond. The state is a value, as in the structured grammar: keep one per token and a rewind is a
list cut.
"""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Final

from model.tokens.grammar import ALL_PITCHES, Ranges, mask_of, runs
from music.score import Note, Part, Score
from music.time import NOMINAL_BPM, Tempo, TempoMap, Tick

ON: Final = range(0, 128)
OFF: Final = range(128, 256)
SHIFT: Final = range(256, 356)  # the first is one step
VELOCITY: Final = range(356, 388)
END: Final = 388  # of a piece; it also stands before one
SIZE: Final = 389
STEP_TICKS: Final = 10
VELOCITY_WIDTH: Final = 4


@dataclass(frozen=True, slots=True)
class Performance:
    """After so many tokens."""

    step: int = 0
    velocity: int | None = None  # of the next note, as its bin
    is_striking: bool = False  # a velocity has just been said: a key goes down next
    sounding: Mapping[int, tuple[int, int]] = field(default_factory=dict)  # pitch -> (step, velocity bin) of its onset


BEGINNING: Final = Performance()


def advance(state: Performance, token: int) -> Performance:
    """The state after `token`, whatever it is: a second strike ends the first, an off of a silent key is nothing."""
    if token in ON:
        struck = (state.step, state.velocity if state.velocity is not None else len(VELOCITY) // 2)
        return replace(state, is_striking=False, sounding={**state.sounding, token: struck})
    if token in OFF:
        others = {pitch: struck for pitch, struck in state.sounding.items() if pitch != token - OFF.start}
        return replace(state, is_striking=False, sounding=others)
    if token in SHIFT:
        return replace(state, step=state.step + token - SHIFT.start + 1, is_striking=False)
    if token in VELOCITY:
        return replace(state, velocity=token - VELOCITY.start, is_striking=True)
    return replace(state, is_striking=False, sounding={})


def finished_notes(state: Performance, token: int) -> list[Note]:
    """What ends with `token`. A key that went down and up within a step was not heard."""
    if token == END:
        pitches = sorted(state.sounding)
    else:
        pitches = [token % OFF.start] if token < SHIFT.start else []
    ended = [(pitch, *state.sounding[pitch]) for pitch in pitches if pitch in state.sounding]
    return [_note(pitch, begin, velocity, state.step) for pitch, begin, velocity in ended if begin < state.step]


def allowed(
    state: Performance,
    *,
    longest: int = len(SHIFT),
    may_end: bool = True,
    keys: int = ALL_PITCHES,
    stuck: Container[int] = (),
) -> Ranges:
    """What may come next, as runs of tokens: only silent keys go down, and only those come up that were heard.

    `longest`: the most steps to wait. `keys`: bit p: key p may go down. `stuck`: keys that do not come up. However
    tokens are drawn, only so many fit between two waits.
    """
    silent = keys & mask_of(pitch for pitch in ON if pitch not in state.sounding)
    if state.is_striking:
        return runs(silent)
    downs = silent if state.velocity is not None else 0
    velocities = mask_of(VELOCITY) if silent else 0
    heard = (pitch for pitch, (begin, _) in state.sounding.items() if begin < state.step)
    ups = mask_of(OFF[pitch] for pitch in heard if pitch not in stuck)
    return runs(downs | ups | mask_of(SHIFT[:longest]) | (mask_of((END,)) if may_end else 0) | velocities)


class PerformanceEncoder:
    """Writes what keys do, in the order of time, on from `state`."""

    def __init__(self, state: Performance = BEGINNING) -> None:
        self.state = state

    def down(self, step: int, pitch: int, velocity: int) -> list[int]:
        up = self.up(step, pitch) if pitch in self.state.sounding else []
        tokens = self.wait(step)
        if velocity // VELOCITY_WIDTH != self.state.velocity:
            tokens += self._put(VELOCITY[velocity // VELOCITY_WIDTH])
        return up + tokens + self._put(ON[pitch])

    def up(self, step: int, pitch: int) -> list[int]:
        return self.wait(step) + self._put(OFF[pitch])

    def wait(self, step: int) -> list[int]:
        tokens = list[int]()
        while (rest := step - self.state.step) > 0:
            tokens += self._put(SHIFT[min(rest, len(SHIFT)) - 1])
        return tokens

    def _put(self, token: int) -> list[int]:
        self.state = advance(self.state, token)
        return [token]


def performed(score: Score) -> list[Note]:
    """All that is not drums, as one player's notes in real time on the grid; a key struck again ends its older note."""
    time = TempoMap(score.tempos)
    drums = {part for part, player in enumerate(score.parts) if player.is_drums}
    keys: dict[int, list[Note]] = {}
    for note in score.notes:
        if note.part in drums:
            continue
        begin, end = (round(time.nanos_at(tick) / (STEP_TICKS * 1_000_000)) for tick in (note.onset, note.end))
        played = _note(note.pitch, begin, note.velocity // VELOCITY_WIDTH, max(begin + 1, end))
        key = keys.setdefault(note.pitch, [])
        if key and key[-1].onset == played.onset:
            played = max(key.pop(), played, key=lambda either: either.duration)
        elif key and key[-1].end > played.onset:
            key[-1] = replace(key[-1], duration=played.onset - key[-1].onset)
        key.append(played)
    return sorted(chain.from_iterable(keys.values()))


def encode_performance(notes: Iterable[Note]) -> list[int]:
    """Notes as `performed` gives them: on the grid, no two at once on a key. Keys come up before others go down."""
    strokes = list[tuple[int, bool, int, int]]()
    for note in notes:
        strokes.append((note.onset // STEP_TICKS, True, note.pitch, note.velocity))
        strokes.append((note.end // STEP_TICKS, False, note.pitch, 0))
    encoder = PerformanceEncoder()
    tokens = list[int]()
    for step, is_down, pitch, velocity in sorted(strokes):
        tokens += encoder.down(step, pitch, velocity) if is_down else encoder.up(step, pitch)
    return [*tokens, END]


def decode_performance(tokens: Iterable[int]) -> Score:
    """Any tokens as music; what is not ended, ends with the last of them."""
    state, notes = Performance(), list[Note]()
    for token in (*tokens, END):
        notes += finished_notes(state, token)
        state = advance(state, token)
    return Score((Part(0),), tuple(sorted(notes)), (Tempo.from_bpm(NOMINAL_BPM),))


def _note(pitch: int, begin: int, velocity: int, end: int) -> Note:
    loudness = velocity * VELOCITY_WIDTH + VELOCITY_WIDTH // 2
    return Note(Tick(begin * STEP_TICKS), 0, pitch, loudness, (end - begin) * STEP_TICKS)
