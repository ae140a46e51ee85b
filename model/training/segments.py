"""Which stretches of a performance a PerceiverS learns from: where crops end, and what of each is asked.

A crop that ends at `e` shows the tokens before `e`, at most `context`, and asks for the newest of them, one for each
latent. What differs is where it may end, and so how often each token of a piece is asked for (arXiv 2411.08307, section
III).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

IGNORED: Final = -100  # a target that is not asked for, as torch's cross-entropy has it


class Segmentation(StrEnum):
    """Where crops of a piece end."""

    FULL = "full"  # the baseline: crops begin anywhere and are of full length, so the beginning is never asked for
    FULL_IN_TURN = "full in turn"  # the same, one behind the other
    EFFECTIVE = "effective"  # anywhere from the latents' number on: contexts of every length
    EFFECTIVE_IN_TURN = "effective in turn"  # one behind the other: every token but the first ones exactly once
    EVEN = "even"  # ours: from the first token on and beyond the last, so that every token is asked for as often


@dataclass(frozen=True, slots=True)
class Sizes:
    """In tokens."""

    latents: int
    context: int


@dataclass(frozen=True, slots=True)
class Crop:
    """One row of a batch.

    inputs: (context,), of which the first `pads` are nothing; targets: (latents,), what the newest of them lead to.
    """

    inputs: NDArray[np.int64]
    pads: int
    targets: NDArray[np.int64]


def ends(how: Segmentation, length: int, sizes: Sizes) -> range:
    """Of a piece of `length` tokens: the places, all as likely, before which a crop's last target lies.

    The first token leads to the second, so nothing before place 2 can be asked for. A piece shorter than the context is
    one full crop.
    """
    latents, full = sizes.latents, min(sizes.context + 1, length)
    match how:
        case Segmentation.FULL:
            return range(full, length + 1)
        case Segmentation.FULL_IN_TURN:
            return range(full, length + 1, full)
        case Segmentation.EFFECTIVE:
            return range(min(latents + 1, length), length + 1)
        case Segmentation.EFFECTIVE_IN_TURN:
            return range(min(latents + 1, length), length + 1, latents)
        case Segmentation.EVEN:
            return range(2, length + latents)


def asked(end: int, length: int, sizes: Sizes) -> range:
    """The places whose tokens a crop asks for. An end beyond the piece asks for fewer."""
    return range(max(1, end - sizes.latents), min(end, length))


def coverage(how: Segmentation, length: int, sizes: Sizes) -> NDArray[np.float64]:
    """(length,): how often each place is asked for, for each crop that is drawn."""
    counts = np.zeros(length)
    places = ends(how, length, sizes)
    for end in places:
        counts[list(asked(end, length, sizes))] += 1
    return counts / len(places)


def crop(tokens: Sequence[int] | NDArray[np.int64], end: int, sizes: Sizes) -> Crop:
    """Padding is at the front, and no latent is padding if the piece has more tokens than there are latents."""
    wanted = asked(end, len(tokens), sizes)
    stop = min(max(end, sizes.latents + 1), len(tokens))  # with fewer targets than latents, the rest is asked nothing
    shown = tokens[max(0, stop - 1 - sizes.context) : stop - 1]
    pads = sizes.context - len(shown)
    inputs = np.zeros(sizes.context, np.int64)
    inputs[pads:] = shown
    targets = np.full(sizes.latents, IGNORED)
    for place in wanted:
        targets[place - stop + sizes.latents] = tokens[place]
    return Crop(inputs, pads, targets)
