"""A bar that fills as time passes, for what is measured in real time. Knows nothing of what happens meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Final

from tqdm import tqdm

EVERY_S: Final = 1  # seldom: each update takes the interpreter for a moment from what is measured


@contextmanager
def time_bar(seconds: float, what: str) -> Iterator[None]:
    """On stderr, for as long as the block runs; none where stderr is no terminal."""
    with tqdm(total=round(seconds), desc=what, unit="s", disable=None) as bar:
        if bar.disable:
            yield
            return
        is_over = Event()
        thread = Thread(target=_fill, args=(bar, is_over), name="progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()


def _fill(bar: "tqdm[None]", is_over: Event) -> None:
    while not is_over.wait(EVERY_S) and bar.n < (bar.total or 0):
        bar.update(EVERY_S)
