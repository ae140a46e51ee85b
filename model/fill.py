"""Offline: the machine's parts written anew in some bars of a score, under what the others play there.

To accompany is to fill parts that are empty yet. The network hears what came before, and nothing of what comes after.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from model.accompany import play_under
from model.engine.together import Writer
from model.engine.work import Engine, EngineSequence
from model.generate import STRETCH, Shape, check_order, prompt_through
from model.tokens.codec import step_of, unison_free
from model.tokens.vocabulary import TICKS_PER_STEP
from music.score import Note, Score
from music.time import Tick

S = TypeVar("S", bound=EngineSequence)


def filling(
    engine: Engine[S],
    score: Score,
    *,
    machines: int,
    first: Tick,
    end: Tick,
    shape: Shape,
    seed: int,
    progress: Callable[[], object] = lambda: None,
) -> Writer[S, Score]:
    """`score` with other notes in its first `machines` parts, from bar line `first` to bar line `end`.

    All other notes stay as they are, to the tick. `progress` is called after each bar.
    """
    check_order(engine, bars=1)
    stays = [note for note in score.notes if note.part >= machines or not first <= note.onset < end]
    given, added = unison_free(stays), list[Note]()
    line, last = step_of(first), step_of(end)
    while line < last:
        heard = sorted(note for note in (*given, *added) if step_of(note.onset) < line)
        prompt = prompt_through(replace(score, notes=tuple(heard)), line, engine.capacity // 2)
        coming = [_moved(note, -prompt.start) for note in given if line <= step_of(note.onset) < last]
        notes, reached = yield from play_under(
            engine,
            prompt,
            coming,
            end=last - prompt.start,
            machines=machines,
            shape=shape,
            seed=seed,
            earliest=line - prompt.start,
            progress=progress,
        )
        written = [_moved(note, prompt.start) for note in notes]
        reached += prompt.start
        if reached > line:  # the engine was full, perhaps within a bar: that bar is written again
            added += [note for note in written if step_of(note.onset) < reached]
            line = reached
        else:  # not even one bar fits: what there is of it stays
            added += written
            line = max(line + 1, prompt.start + prompt.state.bar_end)
        seed += STRETCH
    return replace(score, notes=tuple(sorted((*stays, *added))))


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


def _moved(note: Note, steps: int) -> Note:
    return replace(note, onset=Tick(note.onset + steps * TICKS_PER_STEP))
