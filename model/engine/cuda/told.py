"""What the host tells the device for a pass: one block of pinned memory, copied at once, and the tokens that come back.

Knows token ids, slots and positions; nothing of networks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.engine.work import Draw

ROW_FACTS: Final = 4  # token, slot, position, and the pass's first row of the same sequence
SLOT: Final = 1
FIRST: Final = 3
CHANCES: Final = 4  # temperature, min-p, top-p, uniform
NO_TOP_P: Final = 2.0  # more than all probability: a sum that rounds to 1 drops nothing


@dataclass(frozen=True, slots=True)
class Wish:
    """A draw behind one of the pass's rows."""

    row: int
    draw: Draw
    uniform: float


@dataclass(frozen=True, slots=True)
class Told:
    """The block's parts, as views."""

    rows: Tensor  # (ROW_FACTS, R) int32
    drawn: Tensor  # (D,) int32: the row that each draw follows
    chances: Tensor  # (D, CHANCES) float64
    offsets: Tensor  # (D, vocabulary) float32, added to the logits: -inf where a token is not allowed

    @classmethod
    def within(cls, block: Tensor, rows: int, draws: int) -> "Told":
        """Of a block in the order of chances (doubles: they come first, to be aligned), rows, drawn, offsets."""
        sizes = [2 * CHANCES * draws, ROW_FACTS * rows, draws, block.numel() - _words(rows, draws, 0)]
        chances, facts, drawn, offsets = torch.split(block, sizes)
        return cls(
            facts.view(ROW_FACTS, rows),
            drawn,
            chances.view(torch.float64).view(draws, CHANCES),
            offsets.view(torch.float32).view(draws, -1),
        )


class Mailbox:
    """The block on both sides, for passes of so many rows and draws. `nowhere` is the slot of what pads them."""

    def __init__(self, rows: int, draws: int, vocabulary: int, nowhere: int, device: torch.device) -> None:
        pinned = device.type == "cuda"
        words = _words(rows, draws, vocabulary)
        self._sent = torch.zeros(words, dtype=torch.int32, pin_memory=pinned)
        self._received = torch.zeros(words, dtype=torch.int32, device=device)
        self.told = Told.within(self._received, rows, draws)
        self._answers = torch.zeros(draws, dtype=torch.int32, pin_memory=pinned)
        here = Told.within(self._sent, rows, draws)
        self._rows: NDArray[np.int32] = here.rows.numpy()
        self._drawn: NDArray[np.int32] = here.drawn.numpy()
        self._chances: NDArray[np.float64] = here.chances.numpy()
        self._offsets: NDArray[np.float32] = here.offsets.numpy()
        self._padding = np.zeros((ROW_FACTS, rows), np.int32)
        self._padding[SLOT], self._padding[FIRST] = nowhere, np.arange(rows)
        self.send(self._padding, ())

    def send(self, rows: NDArray[np.int32], wishes: Sequence[Wish]) -> None:
        """rows: (ROW_FACTS, at most R). What was wished before stays where nothing is: nobody reads its answer."""
        count = rows.shape[1]
        self._rows[:, :count] = rows
        self._rows[:, count:] = self._padding[:, count:]
        for i, wish in enumerate(wishes):
            sampling = wish.draw.sampling
            top_p = sampling.top_p if sampling.top_p < 1 else NO_TOP_P
            self._drawn[i] = wish.row
            self._chances[i] = sampling.temperature, sampling.min_p, top_p, wish.uniform
            self._allow(self._offsets[i], wish.draw)
        self._received.copy_(self._sent, non_blocking=True)

    def receive(self, answers: Tensor) -> list[int]:
        """Waits for the device."""
        self._answers.copy_(answers, non_blocking=True)
        if answers.is_cuda:
            torch.cuda.current_stream(answers.device).synchronize()
        tokens: list[int] = self._answers.tolist()
        return tokens

    @staticmethod
    def _allow(offsets: NDArray[np.float32], draw: Draw) -> None:
        offsets.fill(-np.inf)
        for start, stop in draw.allowed:
            offsets[start:stop] = 0
        for token, by in draw.bias:
            offsets[token] += by


def _words(rows: int, draws: int, vocabulary: int) -> int:
    return 2 * CHANCES * draws + ROW_FACTS * rows + draws + draws * vocabulary
