"""Whether an engine gets a second thread: where there is a core for it, and unless it is slower with one.

While other work has that core the second thread does nothing and costs nothing; it may help later. Two threads of one
core may hinder each other.
"""

import sys
from collections.abc import Callable
from typing import Final

from model.engine.backends import AnyEngine
from model.engine.cores import cores
from model.engine.native.engine import NativeEngine

AS_FAST: Final = 1.05  # times what it takes with one thread
ROUNDS: Final = 2  # of one thread and two: what is measured first of all is slow
CAN_GIVE_WAY: Final = sys.platform == "linux"  # to other work; elsewhere `threads` alone gives a second one


def has_room_for_two() -> bool:
    return CAN_GIVE_WAY and cores() >= 2


def take_second_thread(engine: AnyEngine, measure: Callable[[AnyEngine], float]) -> float:
    """`measure` says how long the engine takes for the same work. Returns that, with as many threads as it then has."""
    if not (isinstance(engine, NativeEngine) and has_room_for_two()):
        return measure(engine)
    took: dict[int, list[float]] = {1: [], 2: []}
    for threads in (1, 2) * ROUNDS:
        engine.threads = threads
        took[threads].append(measure(engine))
    engine.threads = 2 if min(took[2]) < AS_FAST * min(took[1]) else 1
    return min(took[engine.threads])
