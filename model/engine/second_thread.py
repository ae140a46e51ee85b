"""Whether an engine gets a second thread: where there is a core for it, and unless it is slower with one.

While other work has that core the second thread does nothing and costs nothing; it may help later. Two threads of one
core may hinder each other.
"""

import sys
from collections.abc import Callable
from math import inf
from typing import Final

from model.engine.cores import cores
from model.engine.native.engine import NativeEngine

AS_FAST: Final = 1.05  # times what it takes with one thread
CAN_GIVE_WAY: Final = sys.platform == "linux"  # to other work; elsewhere `threads` alone gives a second one
ROUNDS: Final = 2  # of one thread and two: what is measured first of all is slow


def take_second_thread(engine: NativeEngine, measure: Callable[[NativeEngine], float]) -> None:
    """`measure` says how long the engine takes for the same work."""
    took: dict[int, float] = {}
    for threads in (1, 2) * ROUNDS if CAN_GIVE_WAY and cores() >= 2 else ():
        engine.threads = threads
        took[threads] = min(measure(engine), took.get(threads, inf))
    engine.threads = 2 if took and took[2] < AS_FAST * took[1] else 1
