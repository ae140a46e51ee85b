"""What every engine refuses, before it changes anything. Knows no network, only its sizes."""

from collections.abc import Collection, Sequence
from itertools import pairwise
from math import isfinite
from typing import Final

from model.engine.work import BadStep, Draw, Step
from music.errors import TradefoursError

DAMAGED: Final = -1  # instead of a drawn token, where logits are no numbers


def check_step(step: Step, *, length: int, capacity: int, vocabulary: int) -> None:
    """Raises BadStep for what a sequence of `length` tokens cannot do."""
    if not 0 <= step.keep <= length:
        raise BadStep(f"expected to keep 0 to {length} tokens, got {step.keep}")
    read = step.keep + len(step.append)
    longer = read + (step.draw.longest - 1 if step.draw else 0)
    if longer > capacity:
        raise BadStep(f"expected at most {capacity} tokens in a sequence, got {longer}")
    if step.append and not 0 <= min(step.append) <= max(step.append) < vocabulary:
        raise BadStep(f"expected token ids of 0 to {vocabulary - 1}, got {min(step.append)} to {max(step.append)}")
    if step.draw is None:
        return
    if read == 0:
        raise BadStep("expected tokens before a draw, got an empty sequence")
    for draw in _all_of(step.draw):
        check_draw(draw, vocabulary)


def _all_of(first: Draw) -> Collection[Draw]:
    """It and all that may come behind it, each once."""
    found = {id(first): first}
    new = [first]
    while new:
        for _, _, draw in new.pop().then:
            if id(draw) not in found:
                found[id(draw)] = draw
                new.append(draw)
    return found.values()


def check_draw(draw: Draw, vocabulary: int) -> None:
    edges = [0, *(edge for span in draw.allowed for edge in span), vocabulary]
    in_order = all(a <= b for a, b in pairwise(edges))
    if not draw.allowed or not in_order or any(start == stop for start, stop in draw.allowed):
        raise BadStep(f"expected ascending, non-empty ranges of token ids to draw from, got {draw.allowed}")
    for token, by in draw.bias:
        if not (0 <= token < vocabulary and isfinite(by)):
            raise BadStep(f"expected finite offsets of token ids of 0 to {vocabulary - 1}, got {by} of {token}")
    for first, stop, _ in draw.then:
        if not 0 <= first < stop <= vocabulary:
            raise BadStep(f"expected draws behind token ids of 0 to {vocabulary - 1}, got {first} to {stop - 1}")


def check_distinct(sequences: Sequence[object]) -> None:
    """One step for each sequence: what a second one would mean is not said anywhere."""
    if len({id(sequence) for sequence in sequences}) < len(sequences):
        raise BadStep(f"expected one step for each sequence, got {len(sequences)} with a sequence twice")


def checked_token(token: int) -> int:
    """What was drawn. Raises TradefoursError where nothing could be."""
    if token == DAMAGED:
        raise TradefoursError("expected finite logits, got nan: these weights are damaged")
    return token
