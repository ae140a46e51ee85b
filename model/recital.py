"""Offline: solo piano for so long, from nothing or on from a prompt, by any engine of performance tokens.

Those know real time and no bars.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import reduce
from math import ceil
from typing import ClassVar, Final, TypeVar

from model.engine.together import Writer
from model.engine.work import Draw, Engine, EngineSequence, Sampling, Step
from model.tokens.grammar import Ranges
from model.tokens.performance import (
    END,
    OFF,
    STEP_TICKS,
    Performance,
    advance,
    allowed,
    encode_performance,
    finished_notes,
    performed,
)
from music.score import Note, Part, Score
from music.time import Nanos, TempoMap

S = TypeVar("S", bound=EngineSequence)

STEPS_PER_SECOND: Final = 1000 // STEP_TICKS
MOST_REST: Final = 3 * STEPS_PER_SECOND  # nobody plays: behind a rest a network expects a rest, and would stay there
MOST_HELD: Final = 8 * STEPS_PER_SECOND  # a key: its string is silent by then, and a network may have forgotten it
NANOS_PER_TICK: Final = 1_000_000  # of the notes that are drawn: at their tempo a tick is a millisecond


@dataclass(frozen=True, slots=True)
class Recital:
    """What is to be played, made ready: the prompt is read once, however often it is continued.

    Making it and `whole` take time for a long prompt; `write` takes none beside what the engine takes.
    """

    score: Score  # the prompt
    tokens: tuple[int, ...]  # an end, as it stands before a piece, and the prompt through its last note
    state: Performance  # after them
    seconds: float
    sampling: Sampling

    unit: ClassVar[str] = "seconds"

    @classmethod
    def of(cls, score: Score, *, seconds: float, sampling: Sampling) -> "Recital":
        tokens = (END, *encode_performance(performed(score))[:-1])
        return cls(score, tokens, reduce(advance, tokens, Performance()), seconds, sampling)

    @property
    def size(self) -> int:
        """How often `progress` is called at most."""
        return ceil(self.seconds)

    def write(
        self, engine: Engine[S], seed: int, progress: Callable[[], object] = lambda: None
    ) -> Writer[S, list[Note]]:
        """The new notes, in real time. `progress` is called after each second of them."""
        sequence = engine.open(seed)
        try:
            return (yield from self._play(sequence, progress))
        finally:
            sequence.close()

    def _play(self, sequence: S, progress: Callable[[], object]) -> Writer[S, list[Note]]:
        state, append, length, notes = self.state, self.tokens, 0, list[Note]()
        begin, end = state.step, state.step + round(self.seconds * STEPS_PER_SECOND)
        rests_until = begin + MOST_REST if begin else begin  # from nothing, it begins with a note
        while (step := state.step) < end:
            longest = end - step if state.sounding else min(end, max(step, rests_until)) - step
            ranges = _overdue(state) or allowed(state, longest=longest, may_end=False)
            draw = Draw(allowed=ranges, sampling=self.sampling)
            (token,) = yield sequence, Step(keep=length, append=append, draw=draw)
            length += len(append)
            notes += finished_notes(state, token)
            state, append = advance(state, token), (token,)
            rests_until = state.step + MOST_REST if state.sounding else rests_until
            for _ in range((step - begin) // STEPS_PER_SECOND, (state.step - begin) // STEPS_PER_SECOND):
                progress()
        return notes + finished_notes(state, END)

    def whole(self, added: Iterable[Note]) -> Score:
        """The prompt as it is, to the tick, and the new notes from its last note's end on, in its first part."""
        score, time = self.score, TempoMap(self.score.tempos)
        pianos = {i for i, part in enumerate(score.parts) if not part.is_drums}
        parts, part = (score.parts, min(pianos)) if pianos else ((*score.parts, Part()), len(score.parts))
        ends = (note.end for note in score.notes if note.part in pianos)
        origin = time.nanos_at(max(ends, default=score.end)) - self.state.step * STEP_TICKS * NANOS_PER_TICK

        def moved(note: Note) -> Note:
            begin, end = (time.tick_at(Nanos(origin + tick * NANOS_PER_TICK)) for tick in (note.onset, note.end))
            return Note(begin, part, note.pitch, note.velocity, max(1, end - begin))

        return replace(score, parts=parts, notes=tuple(sorted((*score.notes, *map(moved, added)))))


def _overdue(state: Performance) -> Ranges:
    """The end of a key that has been down for too long, if there is one, and nothing else."""
    held = (pitch for pitch, (begin, _) in state.sounding.items() if state.step - begin >= MOST_HELD)
    return () if state.is_striking else tuple((OFF[pitch], OFF[pitch] + 1) for pitch in sorted(held)[:1])
