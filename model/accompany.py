"""Offline: machine parts under a melody that is given, written as they are played: not knowing what comes next.

The melody's player stands last in the header. So at every moment the network says first what the machine plays there,
and a melody note that it imagines where the human plays none costs nothing: it is not kept, and the next moment is
drawn. What is left is the network's own distribution, given that the human plays this melody.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from model.engine.together import Writer
from model.engine.work import Draw, Engine, EngineSequence, Sampling, Step
from model.tokens.codec import Encoder, read_state, step_of
from model.tokens.grammar import Limits, State, advance, allowed, finished_note
from model.tokens.vocabulary import BAR, PART, POSITION, Attribute
from music.score import Note
from music.time import Meter, MeterChange, MeterMap, Tick

S = TypeVar("S", bound=EngineSequence)

NOTE_TOKENS = len(Attribute)


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
    sampling: Sampling,
    seed: int,
) -> Writer[S, list[Note]]:
    """The machine's notes from the end of `opening` on, `bars` bars or as many as the engine holds.

    `opening`: a header whose last part is the melody's, and bars, ending with the first `bar` to be written. Ticks
    count from the opening's first bar. Melody notes are sorted and begin after it.
    """
    writing = _Writing(read_state(opening), tuple(opening))
    human = writing.state.header_parts.bit_length() - 1
    end = writing.state.bar_start + bars * writing.state.bar_length
    meters = MeterMap([MeterChange(Tick(0), meter)])
    coming = list(melody)[::-1]
    notes: list[Note] = []
    earliest = 0  # no new note before this step
    sequence, forks = engine.open(seed), 0
    before: _Writing | None = None  # the writing before a position of which no note is known yet
    try:
        while writing.length + len(writing.pending) + 2 * NOTE_TOKENS <= engine.capacity:
            due = step_of(coming[-1].onset) if coming else end - 1
            draw = Draw(allowed=allowed(writing.state, Limits(earliest=earliest, may_end=False)), sampling=sampling)
            token = yield sequence, Step(keep=writing.length, append=writing.pending, draw=draw)
            assert token is not None
            writing.length, writing.pending = writing.length + len(writing.pending), ()
            beyond = _step_after(writing.state, token) > due
            if beyond and not coming:
                return notes
            if coming and (beyond or (token == PART[human] and writing.state.step == due)):
                encoder = Encoder(meters, writing.state)
                writing.pending = tuple(encoder.note(coming.pop()))
                writing.state, before = encoder.state, None
            elif token == PART[human]:
                # The human plays nothing here. Other dice, or the same number would fall again.
                earliest = writing.state.step + 1
                if before is not None:
                    writing, before = before, None
                forks += 1
                forked = engine.fork(sequence, seed + (forks << 32))
                sequence.close()
                sequence = forked
            else:
                if token in POSITION:
                    before = _Writing(writing.state, (), writing.length)
                note = finished_note(writing.state, token)
                if note is not None:
                    notes.append(note)
                    before = None
                writing.put(token)
        return notes
    finally:
        sequence.close()


def _step_after(state: State, token: int) -> int:
    """The step up to which all is settled once `token` is written; a bar line settles the whole bar before it."""
    if token in POSITION:
        return state.bar_start + token - POSITION.start
    return state.bar_end if token in BAR else state.step
