"""How the notes of a generation are drawn: in a key, on a chart's chords, or leaning to what is given beside them.

Knows no job and no route.
"""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from typing import Final

from model.engine.work import Draw, Sampling
from model.generate import Shape, plain
from model.tokens.codec import step_of
from model.tokens.grammar import Limits, State, allowed
from model.tokens.vocabulary import PART
from music.expectation import Classes, tally
from music.score import DRUMS, Note, Score
from streaming.generations import GenerationOptions
from streaming.messages import FOLLOW
from streaming.taste import Place, Taste, asked_chart, asked_key, bias, pitches

AROUND: Final = 4  # bars before and after a moment that tell of its key


def sampling_of(options: GenerationOptions) -> Sampling:
    return Sampling(temperature=options.temperature, top_p=options.top_p, min_p=options.min_p)


def shape_of(options: GenerationOptions, score: Score, machine: int, line: int, given: Iterable[Note] = ()) -> Shape:
    """`line`: the step of the first new bar, with which the chords begin. `given`: what sounds beside the new notes."""
    sampling, key, chart = sampling_of(options), asked_key(options.key), asked_chart(options.chords)
    beside = Beside(score, given if options.key == FOLLOW and not chart else ())
    if not (key or chart or beside):
        return plain(sampling)
    taste = Taste(
        key=key,
        chart=chart,
        ranges=tuple((i, 0, 127) for i, part in enumerate(score.parts) if machine >> i & 1 and part.program != DRUMS),
    )

    def shape(state: State, start: int, limits: Limits) -> Draw:
        bar = max(0, start + state.bar_start - line) // state.bar_length
        place = Place(bar=bar, position=max(state.position, 0), bar_length=state.bar_length)
        if state.last is PART:
            place = place._replace(is_tuned=taste.is_tuned(state.part))
            if beside:
                place = place._replace(leans=beside.leans(start + state.bar_start, place.position, state.bar_length))
        ranges = allowed(state, replace(limits, pitches=pitches(taste, place)))
        return Draw(allowed=ranges, sampling=sampling, bias=bias(taste, place, state, ranges))

    return shape


class Beside:
    """What is given beside the new notes, drums apart. False where that is nothing."""

    def __init__(self, score: Score, given: Iterable[Note]) -> None:
        pitched = sorted(note for note in given if score.parts[note.part].program != DRUMS)
        self._spans = [(step_of(note.onset), max(step_of(note.end), step_of(note.onset) + 1)) for note in pitched]
        self._pitches = [note.pitch for note in pitched]
        self._longest = max((end - begin for begin, end in self._spans), default=0)
        self._counted = lru_cache(maxsize=256)(self._count)

    def __bool__(self) -> bool:
        return bool(self._spans)

    def leans(self, bar_start: int, position: int, bar: int) -> tuple[Classes, Classes]:
        """Steps. What is heard in the bars around, and what sounds in that half of the bar, later notes included."""
        half = bar_start + position // (bar // 2) * (bar // 2)
        around = self._counted(bar_start - AROUND * bar, bar_start + (AROUND + 1) * bar)
        return around, self._counted(half, half + bar // 2)

    def _count(self, begin: int, end: int) -> Classes:
        """How many notes of each pitch class sound there."""
        first, stop = (bisect_left(self._spans, (step,)) for step in (begin - self._longest, end))
        near = zip(self._spans[first:stop], self._pitches[first:stop], strict=True)
        return tally(pitch for (_, until), pitch in near if until > begin)
