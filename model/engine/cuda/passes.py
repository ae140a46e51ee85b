"""Passes of a few fixed sizes, each captured once as a CUDA graph and then only replayed. Elsewhere they just run.

Knows nothing of what a pass computes, but that doing it twice is doing it once.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.engine.cuda.decoder import Outcome
from model.engine.cuda.told import Mailbox, Told, Wish

SIZES: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)  # rows; fewer are padded

Compute = Callable[[Told], Outcome]


class Passes:
    """One for each size. Captures them all at once, so that nobody waits for it later."""

    def __init__(self, compute: Compute, mailboxes: Sequence[Mailbox], *, has_graphs: bool) -> None:
        self._compute = compute  # graphs know addresses only: the weights that they read must live as long
        self._mailboxes = dict(zip(SIZES, mailboxes, strict=True))
        self._run: dict[int, Callable[[], Outcome]] = {}
        memory = torch.cuda.graph_pool_handle() if has_graphs else None
        for size in reversed(SIZES):  # the largest first: the others find room in what it took
            work = partial(compute, self._mailboxes[size].told)
            self._run[size] = work if memory is None else _captured(work, memory)

    def run(self, rows: NDArray[np.int32], wishes: Sequence[Wish]) -> tuple[list[int], Tensor]:
        """rows: (ROW_FACTS, at most the largest size). Returns a token for each wish, and the logits."""
        size = next(size for size in SIZES if size >= rows.shape[1])
        mailbox = self._mailboxes[size]
        mailbox.send(rows, wishes)
        outcome = self._run[size]()
        return mailbox.receive(outcome.tokens)[: len(wishes)], outcome.logits


def _captured(work: Callable[[], Outcome], memory: Any) -> Callable[[], Outcome]:
    """The work as a graph. Its outcome lies where it lay when it was captured."""
    side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        work()  # compiles kernels, and lets libraries take the memory that they want
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, pool=memory):
        outcome = work()

    def replay() -> Outcome:
        graph.replay()
        return outcome

    return replay
