"""Offline: machine parts under notes that are given, written as they are played: not knowing what comes next.

The players whose notes are given stand last in the header. So at every moment the network says first what the machine
plays there, and a note that it imagines where they play none costs nothing: it is not kept, and the next moment is
drawn. What is left is the network's own distribution, given that they play just this.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from model.engine.together import Writer
from model.engine.work import Engine, EngineSequence, Step
from model.generate import NOTE_TOKENS, Prompt, Shape
from model.tokens.codec import Encoder, read_state, step_of
from model.tokens.grammar import Limits, State, advance, finished_note
from model.tokens.vocabulary import BAR, PART, POSITION
from music.score import Note
from music.time import Meter, MeterChange, MeterMap, Tick

S = TypeVar("S", bound=EngineSequence)
FORK = 1 << 32  # between the seeds of forks


@dataclass(slots=True)
class _Writing:
    """What has been written so far, and what of it the engine has yet to be told."""

    state: State
    pending: tuple[int, ...]
    length: int = 0  # tokens that the engine holds

    def put(self, token: int) -> None:
        self.state = advance(self.state, token)
        self.pending = (*self.pending, token)


def accompaniment(
    engine: Engine[S],
    opening: Sequence[int],
    melody: Sequence[Note],
    *,
    bars: int,
    meter: Meter,
    shape: Shape,
    seed: int,
) -> Writer[S, list[Note]]:
    """The machine's notes from the end of `opening` on, `bars` bars or as many as the engine holds.

    `opening`: a header whose last part is the melody's, and bars, ending with the first `bar` to be written. Ticks
    count from the opening's first bar. Melody notes are sorted and begin after it.
    """
    state = read_state(opening)
    prompt = Prompt(tuple(opening), state, 0, MeterMap([MeterChange(Tick(0), meter)]))
    end = state.bar_start + bars * state.bar_length
    melodist = state.header_parts.bit_length() - 1
    notes, _ = yield from play_under(engine, prompt, melody, end=end, machines=melodist, shape=shape, seed=seed)
    return notes


def play_under(
    engine: Engine[S],
    prompt: Prompt,
    given: Sequence[Note],
    *,
    end: int,
    machines: int,
    shape: Shape,
    seed: int,
    earliest: int = 0,
    progress: Callable[[], object] = lambda: None,
) -> Writer[S, tuple[list[Note], int]]:
    """The machine's notes before step `end`, or before the engine is full, and the step up to which all is written.

    The first `machines` parts are the machine's, the others' notes are `given`, in order. Steps and ticks count from
    the prompt's first bar; no new note comes before `earliest`. `progress` is called after each bar.
    """
    writing = _Writing(prompt.state, prompt.tokens)
    coming = list(given)[::-1]
    notes: list[Note] = []
    sequence, forks = engine.open(seed), 0
    before: _Writing | None = None  # the writing before a position of which no note is known yet
    try:
        while writing.length + len(writing.pending) + 2 * NOTE_TOKENS <= engine.capacity:
            due = step_of(coming[-1].onset) if coming else end - 1
            draw = shape(writing.state, prompt.start, Limits(earliest=earliest, may_end=False))
            (token,) = yield sequence, Step(keep=writing.length, append=writing.pending, draw=draw)
            writing.length, writing.pending = writing.length + len(writing.pending), ()
            is_given = token in PART and token - PART.start >= machines
            beyond = _step_after(writing.state, token) > due
            if beyond and not coming:
                progress()
                return notes, end
            if coming and (beyond or (is_given and writing.state.step == due)):
                encoder = Encoder(prompt.meters, writing.state)
                writing.pending = tuple(encoder.note(coming.pop()))
                writing.state, before = encoder.state, None
                _tell(progress, writing.pending)
            elif is_given:
                # They play nothing here. Other dice, or the same number would fall again.
                earliest = writing.state.step + 1
                if before is not None:
                    writing, before = before, None
                forks += 1
                forked = engine.fork(sequence, seed + forks * FORK)
                sequence.close()
                sequence = forked
            elif token in BAR:
                encoder = Encoder(prompt.meters, writing.state)
                writing.pending = tuple(encoder.seek(writing.state.bar_end))
                writing.state, before = encoder.state, None
                _tell(progress, writing.pending)
            else:
                if token in POSITION:
                    before = _Writing(writing.state, (), writing.length)
                note = finished_note(writing.state, token)
                if note is not None:
                    notes.append(note)
                    before = None
                writing.put(token)
        return notes, writing.state.bar_start
    finally:
        sequence.close()


def _tell(progress: Callable[[], object], written: Sequence[int]) -> None:
    for token in written:
        if token in BAR:
            progress()


def _step_after(state: State, token: int) -> int:
    """The step up to which all is settled once `token` is written; a bar line settles the whole bar before it."""
    if token in POSITION:
        return state.bar_start + token - POSITION.start
    return state.bar_end if token in BAR else state.step
