"""Pure shaping of logits, and the draw from what is left. Knows no grammar: what is allowed comes as ranges.

A processor takes the logits (V',) of a slice of the vocabulary and the token id `start` of its first entry, and
returns new ones; -inf drops a token. Each keeps the likeliest of the tokens that it may keep.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from model.engine.work import Draw
from model.tokens.grammar import Ranges
from music.errors import TradefoursError

Processor = Callable[[Tensor, int], Tensor]

SHARPEST = 1e-6  # temperatures below are 0: float32 could not divide by them


def processors_of(draw: Draw) -> list[Processor]:
    """In the order in which they apply."""
    sampling = draw.sampling
    chain = [keep_ranges(draw.allowed)]
    if draw.bias:
        chain.append(offset(draw.bias))
    chain.append(temperature(sampling.temperature))
    if sampling.min_p > 0:
        chain.append(min_p(sampling.min_p))
    if sampling.top_p < 1:
        chain.append(top_p(sampling.top_p))
    return chain


def pick(logits: Tensor, start: int, draw: Draw, uniform: float) -> int:
    """The token that `draw` takes; logits: (V',), of the token ids from `start` on."""
    for process in processors_of(draw):
        logits = process(logits, start)
    return start + sample(logits, uniform)


def keep_ranges(ranges: Ranges) -> Processor:
    """Only token ids in one of the half-open ranges."""

    def process(logits: Tensor, start: int) -> Tensor:
        if len(ranges) == 1 and ranges[0] == (start, start + logits.shape[0]):
            return logits
        kept = torch.full_like(logits, -torch.inf)
        for first, stop in ranges:
            kept[first - start : stop - start] = logits[first - start : stop - start]
        return kept

    return process


def offset(bias: tuple[tuple[int, float], ...]) -> Processor:
    """Make single tokens likelier or less likely; one that is dropped already stays so."""

    def process(logits: Tensor, start: int) -> Tensor:
        within = {token - start: by for token, by in bias if start <= token < start + logits.shape[0]}
        at = torch.tensor(list(within), dtype=torch.long, device=logits.device)
        by = torch.tensor(list(within.values()), dtype=logits.dtype, device=logits.device)
        return logits.index_add(0, at, by)

    return process


def temperature(value: float) -> Processor:
    """Flatter above 1, sharper below; 0 leaves the likeliest alone, the first of several."""

    def process(logits: Tensor, start: int) -> Tensor:
        if value >= SHARPEST:
            return (logits - logits.max()) / value  # relative to the likeliest: no overflow
        best = int(logits.argmax())
        return keep_ranges(((start + best, start + best + 1),))(logits, start)

    return process


def top_p(mass: float) -> Processor:
    """The smallest set of tokens whose probability reaches `mass`."""

    def process(logits: Tensor, start: int) -> Tensor:
        values, order = logits.sort(descending=True, stable=True)
        probabilities = values.double().softmax(dim=0)
        mass_before = probabilities.cumsum(dim=0) - probabilities
        dropped = mass_before >= mass
        dropped[0] = False
        return logits.masked_fill(torch.empty_like(dropped).scatter_(0, order, dropped), -torch.inf)

    return process


def min_p(share: float) -> Processor:
    """Tokens that are at least `share` times as likely as the likeliest."""

    def process(logits: Tensor, start: int) -> Tensor:
        relative = (logits - logits.max()).exp()
        return logits.masked_fill(relative < share, -torch.inf)

    return process


def sample(logits: Tensor, uniform: float) -> int:
    """The entry at which the summed probability, in the order of token ids, first exceeds `uniform`."""
    summed = logits.double().softmax(dim=0).cumsum(dim=0)
    total = float(summed[-1])
    if not total > 0:  # nan, too
        raise TradefoursError("expected finite logits, got nan: these weights are damaged")
    # Rounding may put the target on the total itself: then the last possible entry is meant.
    drawn = torch.searchsorted(summed, uniform * total, right=True)
    last = torch.searchsorted(summed, total)
    return min(int(drawn), int(last))
