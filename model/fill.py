"""Offline: the machine's parts written anew in some bars of a score, under what the others play there.

To accompany is to fill parts that are empty yet. The network hears what came before, and nothing of what comes after.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

from model.accompany import play_under
from model.engine.together import Writer
from model.engine.work import Engine, EngineSequence
from model.generate import STRETCH, Prompt, Shape, check_order, prompt_through
from model.tokens.codec import step_of, unison_free
from model.tokens.vocabulary import TICKS_PER_STEP
from music.score import Note, Score
from music.time import Tick

S = TypeVar("S", bound=EngineSequence)


@dataclass(frozen=True, slots=True)
class Filling:
    """What is to be written, made ready. Making it and `whole` take time for a long score; `write` takes none.

    All notes but those of the first `machines` parts within the bars stay as they are, to the tick.
    """

    score: Score
    stays: tuple[Note, ...]
    given: tuple[Note, ...]  # of them what the network hears while it writes, on the grid and in order
    prompt: Prompt
    line: int  # where new notes begin, and
    end: int  # end: absolute grid steps
    machines: int

    @classmethod
    def of(cls, score: Score, *, machines: int, first: Tick, end: Tick, capacity: int) -> "Filling":
        """From bar line `first` to bar line `end`."""
        check_order(1, capacity)
        stays = tuple(note for note in score.notes if note.part >= machines or not first <= note.onset < end)
        known, line, last = unison_free(stays), step_of(first), step_of(end)
        before = replace(score, notes=tuple(note for note in known if step_of(note.onset) < line))
        prompt = prompt_through(before, line, capacity // 2)
        given = tuple(note for note in known if prompt.start <= step_of(note.onset) < last)
        return cls(score, stays, given, prompt, line, last, machines)

    def write(
        self, engine: Engine[S], shape: Shape, seed: int, progress: Callable[[], object] = lambda: None
    ) -> Writer[S, list[Note]]:
        """The new notes. `progress` is called after each bar."""
        prompt, line, added = self.prompt, self.line, list[Note]()
        while True:
            notes, reached = yield from play_under(
                engine,
                prompt,
                self._coming(line, prompt, engine.capacity),
                end=self.end - prompt.start,
                machines=self.machines,
                shape=shape,
                seed=seed,
                earliest=line - prompt.start,
                progress=progress,
            )
            written, reached = [_moved(note, prompt.start) for note in notes], reached + prompt.start
            if reached > line:  # the engine was full, perhaps within a bar: that bar is written again
                written, line = [note for note in written if step_of(note.onset) < reached], reached
            else:  # not even one bar fits: what there is of it stays
                line = max(line + 1, prompt.start + prompt.state.bar_end)
            added += written
            if line >= self.end:
                return added
            prompt = self._prompt(line, prompt.start, added, engine.capacity // 2)
            seed += STRETCH

    def whole(self, added: Iterable[Note]) -> Score:
        return replace(self.score, notes=tuple(sorted((*self.stays, *added))))

    def _coming(self, line: int, prompt: Prompt, capacity: int) -> list[Note]:
        """The next of the given notes: more than the engine holds, a note being four tokens at least."""
        first = bisect_left(self.given, line, key=_step)
        return [_moved(note, -prompt.start) for note in self.given[first : first + capacity // 4 + 1]]

    def _prompt(self, line: int, begin: int, added: Iterable[Note], room: int) -> Prompt:
        first, stop = (bisect_left(self.given, step, key=_step) for step in (begin, line))
        heard = (*self.given[first:stop], *(note for note in added if _step(note) >= begin))
        return prompt_through(replace(self.score, notes=tuple(sorted(heard))), line, room, begin=begin)


def machine_first(score: Score, machine: int) -> tuple[Score, tuple[int, ...]]:
    """The same score with the parts of mask `machine` before the others, and which part each of them was."""
    order = tuple(sorted(range(len(score.parts)), key=lambda part: not machine >> part & 1))
    return _reordered(score, order), order


def as_before(score: Score, order: tuple[int, ...]) -> Score:
    """Takes back `machine_first`."""
    back = tuple(order.index(part) for part in range(len(order)))
    return _reordered(score, back)


def _reordered(score: Score, order: tuple[int, ...]) -> Score:
    place = {part: i for i, part in enumerate(order)}
    notes = tuple(sorted(replace(note, part=place[note.part]) for note in score.notes))
    return replace(score, parts=tuple(score.parts[part] for part in order), notes=notes)


def _step(note: Note) -> int:
    return step_of(note.onset)


def _moved(note: Note, steps: int) -> Note:
    return replace(note, onset=Tick(note.onset + steps * TICKS_PER_STEP))
