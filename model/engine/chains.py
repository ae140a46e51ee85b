"""Draws that follow one another, for an engine that makes one draw in a pass. Knows no network."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from model.engine.work import Drawn, EngineSequence, Step

S = TypeVar("S", bound=EngineSequence)
Run = Callable[[Sequence[tuple[S, Step]]], list[int | None]]  # the first draw of each step, in order


def run_chains(run: Run[S], work: Sequence[tuple[S, Step]]) -> list[Drawn]:
    """All draws of checked work: as many passes as the longest chain has."""
    drawn = [[] if token is None else [token] for token in run(work)]
    for link in range(1, max((len(step.draws) for _, step in work), default=0)):
        going = [i for i, (_, step) in enumerate(work) if link < len(step.draws)]
        steps = [
            (work[i][0], Step(keep=work[i][0].length, append=(drawn[i][-1],), draw=work[i][1].draws[link]))
            for i in going
        ]
        for i, token in zip(going, run(steps), strict=True):
            assert token is not None
            drawn[i].append(token)
    return [tuple(tokens) for tokens in drawn]
