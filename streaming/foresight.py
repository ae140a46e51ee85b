"""How much of its time the machine had decided before it came: the in-time share of StreamMUSE, by the sixteenth.

A rest that was meant is decided, too; silence because nothing was drawn yet is not. Knows no notes.
"""

from typing import Final

from music.time import TICKS_PER_QUARTER, Tick

SIXTEENTH: Final = TICKS_PER_QUARTER // 4


class Foresight:
    """Never blocks; use from one thread."""

    def __init__(self) -> None:
        self.decided = 0  # sixteenths of the machine's turns
        self.undecided = 0
        self._passed = 0  # sixteenths since tick 0 that have been looked at

    @property
    def in_time_share(self) -> float:
        """Of nothing, all was in time."""
        counted = self.decided + self.undecided
        return self.decided / counted if counted else 1.0

    def has_passed(self, now: Tick) -> bool:
        """`pass_to` would find nothing new."""
        return now // SIXTEENTH < self._passed

    def pass_to(self, now: Tick, begin: int, end: int, decided_to: int) -> None:
        """Time has come to `now`, in a turn from `begin` up to `end` that was decided up to before `decided_to`.

        To be told before anything changes. With `end` at most `begin` it is nobody's turn.
        """
        first, self._passed = self._passed, max(self._passed, now // SIXTEENTH + 1)
        lines = range(max(first, -(-begin // SIXTEENTH)), min(self._passed, -(-end // SIXTEENTH)))
        decided = len(range(lines.start, min(lines.stop, -(-decided_to // SIXTEENTH))))
        self.decided += decided
        self.undecided += len(lines) - decided
