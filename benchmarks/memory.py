"""How fast one thread reads memory, by the size of what it reads again and again: the floor under every decode step.

PyTorch's vectorised sum over huge pages, where the system has them. It reads at 0.96 to 0.99 of the speed of a loop
in C++ compiled for the processor from 16 MB on, at 0.87 to 0.92 below (docs/log.md): the floor is a little high, and
an engine's share of it flattered by so much. Knows nothing of networks.
"""

import mmap
from typing import Final

import torch
from torch import Tensor

PAGE: Final = 2**21  # of the huge ones


def readable(size: float) -> Tensor:
    """So many bytes of memory, as numbers to sum."""
    pages = -(-int(size) // PAGE) + 1
    memory = mmap.mmap(-1, pages * PAGE)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        memory.madvise(mmap.MADV_HUGEPAGE)
    numbers = torch.frombuffer(memory, dtype=torch.float32)
    aligned = numbers[-numbers.data_ptr() % PAGE // 4 :]
    return aligned[: int(size) // 4].fill_(1.0)


def read(numbers: Tensor) -> float:
    return float(numbers.sum())
