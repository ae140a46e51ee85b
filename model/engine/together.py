"""Several writers at one engine: each asks for a step at a time, and all of their steps share a pass.

A writer is a generator that yields (sequence, step), is sent what was drawn, and returns what it has written.
"""

from collections.abc import Callable, Generator, Sequence
from typing import TypeVar

from model.engine.work import Drawn, Engine, EngineSequence, Step

S = TypeVar("S", bound=EngineSequence)
R = TypeVar("R")
Writer = Generator[tuple[S, Step], Drawn, R]


def run_together(
    engine: Engine[S],
    writers: Sequence[Writer[S, R]],
    *,
    at_once: int,
    progress: Callable[[], object] = lambda: None,
) -> list[R]:
    """What each writer returns, in order. At most `at_once` of them have begun and not ended; engine thread only.

    `progress` is called whenever one has ended.
    """
    results: dict[int, R] = {}
    waiting = list(enumerate(writers))[::-1]
    busy: dict[int, Writer[S, R]] = {}
    drawn: dict[int, Drawn] = {}
    while waiting or busy:
        while waiting and len(busy) < at_once:
            i, writer = waiting.pop()
            busy[i] = writer
        work: dict[int, tuple[S, Step]] = {}
        for i in list(busy):
            try:
                work[i] = busy[i].send(drawn[i]) if i in drawn else next(busy[i])
            except StopIteration as end:
                results[i] = end.value
                del busy[i]
                progress()
        if work:
            drawn |= zip(work, engine.run(list(work.values())), strict=True)
    return [results[i] for i in range(len(writers))]
