"""How much of the machine others used during a measurement. Knows nothing of what was measured.

Linux tells; elsewhere nothing is said.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Final

STAT: Final = Path("/proc/stat")
IDLE: Final = (3, 4)  # idle, and waiting for a disk
GUESTS: Final = 8  # from here on counted a second time


@contextmanager
def company() -> Iterator[list[str]]:
    """Yields a list, which holds the sentence when the block is over."""
    words: list[str] = []
    began, busy, own = perf_counter(), _busy_s(), _own_s()
    yield words
    if STAT.exists():
        others = max(0.0, _busy_s() - busy - (_own_s() - own)) / (perf_counter() - began)
        words.append(f"Meanwhile other work took {others:.1f} of {os.cpu_count()} cores.")


def _busy_s() -> float:
    """Seconds for which any core has worked."""
    if not STAT.exists():
        return 0.0
    ticks = [int(each) for each in STAT.read_text().split("\n", 1)[0].split()[1 : 1 + GUESTS]]
    return (sum(ticks) - sum(ticks[i] for i in IDLE)) / os.sysconf("SC_CLK_TCK")


def _own_s() -> float:
    """Seconds for which we and our ended children have."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
