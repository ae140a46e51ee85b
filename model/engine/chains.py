"""Draws that follow one another, for an engine that makes one draw in a pass. Knows no network."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from model.engine.work import Drawn, EngineSequence, Step

S = TypeVar("S", bound=EngineSequence)
Run = Callable[[Sequence[tuple[S, Step]]], list[int | None]]  # the first draw of each step, in order


def run_chains(run: Run[S], work: Sequence[tuple[S, Step]]) -> list[Drawn]:
    """All draws of checked work: as many passes as the longest chain has."""
    drawn: list[list[int]] = [[] for _ in work]
    going, steps = list(range(len(work))), list(work)
    while going:
        tokens = zip(going, steps, run(steps), strict=True)
        going, steps = [], []
        for i, (sequence, step), token in tokens:
            if token is None or step.draw is None:
                continue
            drawn[i].append(token)
            if (behind := step.draw.behind(token)) is not None:
                going.append(i)
                draw = replace(behind, throw=step.draw.throw)
                steps.append((sequence, Step(keep=sequence.length, append=(token,), draw=draw)))
    return [tuple(each) for each in drawn]
