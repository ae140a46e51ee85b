"""Which cycles of JACK are good to write in. Pure: frames and moments are given. Knows no port and no messages.

A cycle goes on without a client that is late for it: what that one then writes is heard by nobody, or wiped away by
its next cycle, which follows at once. So it holds back what it has until it has caught up.
"""

from typing import Final

from music.time import Nanos

WRAP: Final = 1 << 32  # JACK counts its frames in so many bits
CAUGHT_UP: Final = 2  # so many cycles in a row
PATIENCE: Final = Nanos(30_000_000)  # with a client that is never in time


class Cycles:
    """Ask once a cycle."""

    def __init__(self) -> None:
        self._began = 0
        self._came = Nanos(0)
        self._in_time = 0  # cycles in a row
        self._late_since = Nanos(0)

    def is_good(self, frames: int, rate: int, began: int, now: Nanos) -> bool:
        """`began`: JACK's count of frames when the newest cycle began; `now`: when it calls us."""
        was_left_out = (began - self._began) % WRAP != frames
        follows_at_once = (now - self._came) * rate < frames * 500_000_000
        if not (was_left_out or follows_at_once):
            self._in_time += 1
        elif self._in_time:
            self._in_time, self._late_since = 0, now
        self._began, self._came = began, now
        return self._in_time >= CAUGHT_UP or now - self._late_since > PATIENCE
