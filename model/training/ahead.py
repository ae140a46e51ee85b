"""The next batch is drawn while the device works on this one."""

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Batch = NDArray[np.int64]
Asked = tuple[int, int, int]  # number, size, length


class Sampler(Protocol):
    """Endless batches."""

    def batch(self, number: int, size: int, length: int) -> Batch:
        """So many rows of crops that long. The same number gives the same batch."""


class Ahead:
    """Batches of a sampler. Use from one thread; one more does the work."""

    def __init__(self, sampler: Sampler) -> None:
        self._sampler = sampler
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="crops")
        self._next: tuple[Asked, Future[Batch]] | None = None

    def batch(self, number: int, size: int, length: int) -> Batch:
        """The sampler's own; the one after it is expected to be of the same shape, and costs time where it is not."""
        asked = (number, size, length)
        if self._next is not None and self._next[0] == asked:
            batch = self._next[1].result()
        else:
            batch = self._sampler.batch(*asked)
        follows = (number + 1, size, length)
        self._next = follows, self._pool.submit(self._sampler.batch, *follows)
        return batch

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._next = None
