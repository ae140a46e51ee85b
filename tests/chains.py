"""Draws that follow one another, for engines that tests make up."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from model.engine.work import Draw, Drawn, Follower


def chain(first: Draw | None, pick: Callable[[Draw], int]) -> Drawn:
    """What `first` and those behind it give, as `pick` draws them."""
    drawn, draw = list[int](), first
    while draw is not None:
        drawn.append(pick(draw))
        draw = draw.behind(drawn[-1])
    return tuple(drawn)


def linked(*draws: Draw) -> Draw:
    """Each behind the one before it, whatever that gives."""
    *before, last = draws
    for draw in reversed(before):
        last = replace(draw, then=(Follower(draw.allowed[0][0], draw.allowed[-1][1], last),))
    return last


def draws_of(first: Draw | None) -> Iterator[Draw]:
    """It and all that may come behind it."""
    if first is not None:
        yield first
        for follower in first.then:
            yield from draws_of(follower.draw)
