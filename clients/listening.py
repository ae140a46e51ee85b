"""A callback of python-rtmidi, and its end: the driver calls us in a thread of its own, also while we stop listening.

What a driver's thread is about to call is freed when another thread cancels it, though it may wait for the interpreter
just then; and who closes a port keeps the interpreter until that thread has done what it waits for. Either ends the
process. So the driver's thread cancels by itself, in its next call, and nobody closes before that one is over.
"""

import sys
from collections.abc import Callable
from threading import Event, get_ident
from time import sleep
from typing import Any, Final

QUIET_S: Final = 0.05  # a call that has begun gets the interpreter in far less
LOOK_S: Final = 0.001

_LISTENING: Final[set["Listening"]] = set()  # whoever forgets to close must not be freed under a call either


class Listening:
    """`heard` is called with each message and its interval in seconds, in the driver's thread, until `stop`."""

    def __init__(self, driver: Any, heard: Callable[[list[int], float], None]) -> None:
        self._driver = driver
        self._heard = heard
        self._is_stopping = False
        self._stopped = Event()
        self._thread = 0  # the driver's, once it has called for the last time
        _LISTENING.add(self)
        driver.set_callback(self._call)

    def stop(self) -> None:
        """Afterwards no call is under way, and none comes. Takes a moment; not in a callback."""
        self._is_stopping = True
        if not self._stopped.wait(QUIET_S):
            self._driver.cancel_callback()
        while self._thread in sys._current_frames():
            sleep(LOOK_S)
        _LISTENING.discard(self)

    def _call(self, event: tuple[list[int], float], _: object) -> None:
        if not self._is_stopping:
            self._heard(*event)
            return
        self._thread = get_ident()
        self._driver.cancel_callback()
        self._stopped.set()
