"""The next batches are drawn while the device works on this one: by a thread, or by processes where one is too slow."""

import os
import signal
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_all_start_methods, get_context
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
    """Batches of a sampler. Use from one thread; others, or processes, do the work."""

    def __init__(self, sampler: Sampler, processes: int = 0) -> None:
        """processes: so many, forked from this one so that they share its corpus; 0: a thread."""
        self._sampler = sampler
        self._depth = max(1, 2 * processes)  # batches drawn ahead
        self._waiting: dict[Asked, Future[Batch]] = {}
        if processes and "fork" in get_all_start_methods():
            self._pool: Executor = ProcessPoolExecutor(processes, get_context("fork"), _adopt, (sampler,))
            self._draw = _draw
            self._pool.submit(os.getpid).result()  # they are forked now, while there is little that could be disturbed
        else:
            self._pool = ThreadPoolExecutor(1, thread_name_prefix="crops")
            self._draw = sampler.batch

    def batch(self, number: int, size: int, length: int) -> Batch:
        """The sampler's own; those after it are expected to be of the same shape, and cost time where they are not."""
        due = self._waiting.pop((number, size, length), None)
        if due is None:
            self._forget()
        follows = [(number + i, size, length) for i in range(1, self._depth + 1)]
        self._waiting |= {
            asked: self._pool.submit(self._draw, *asked) for asked in follows if asked not in self._waiting
        }
        return self._sampler.batch(number, size, length) if due is None else due.result()

    def close(self) -> None:
        self._forget()
        self._pool.shutdown(cancel_futures=True)

    def _forget(self) -> None:
        for future in self._waiting.values():
            future.cancel()
        self._waiting.clear()


_adopted: list[Sampler] = []  # of a process of the pool


def _adopt(sampler: Sampler) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who interrupts the run closes the pool
    _adopted.append(sampler)


def _draw(number: int, size: int, length: int) -> Batch:
    return _adopted[0].batch(number, size, length)
