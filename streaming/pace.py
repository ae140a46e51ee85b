"""Keeping up: how far ahead the machine writes, and how richly, by how much time its notes had left.

A note that came too late raises the lead and takes one step down a ladder: a shorter plan of which more is promised,
as that need not be written anew, a thinner texture, a rest to the next bar line. Notes in time lead back up.
Knows no tokens; lengths are ticks.
"""

from enum import IntEnum
from typing import Final

from music.time import TICKS_PER_QUARTER, Tick

LONGEST_LEAD: Final = TICKS_PER_QUARTER
SHORT_PLAN: Final = TICKS_PER_QUARTER // 4  # never shorter than this beyond what is promised
RECOVERY: Final = 8  # notes in time, one after another, that lead up by one step


class Rung(IntEnum):
    FULL = 0
    SHORT = 1  # half the lookahead: less to write anew when a human plays
    THIN = 2  # one note at a time, and few of them


class Pace:
    """Never blocks; use from one thread."""

    def __init__(self, *, lead: int, commit: int, lookahead: int) -> None:
        self.rung = Rung.FULL
        self.late = 0  # notes that came too late and were never played
        self.rested = 0  # times that the machine rested because it could not keep up
        self._least = lead
        self._commit = commit
        self._lookahead = lookahead
        self._decoding = lead  # what a note takes from its draw to its due time
        self._round_trip = 0
        self._in_time = 0

    @property
    def lead(self) -> int:
        """A note is drawn at least this long before it sounds."""
        return self._decoding + self._round_trip

    @property
    def commit(self) -> int:
        """Notes this near are promised: soon enough to reach the player, who is a round trip ahead of us."""
        return max(self._commit << self.rung, self._round_trip + self._least)

    @property
    def lookahead(self) -> int:
        if self.rung is Rung.FULL:
            return self._lookahead
        return min(self._lookahead, max(self._lookahead // 2, self._near))

    def writes_at(self, planned_to: int, heard: Tick | None) -> Tick:
        """When a plan that reaches so far is to be written on. `heard`: the newest human note, where they play along.

        As they will change what comes, it reaches beyond the near future only as far as they have been quiet.
        """
        far = planned_to - self.lookahead + 1
        return Tick(far if heard is None else max(far, (planned_to - min(self._near, self.lookahead) + heard) // 2 + 1))

    @property
    def _near(self) -> int:
        return self.commit + self.lead + SHORT_PLAN

    def hear_round_trip(self, ticks: int) -> None:
        self._round_trip = min(ticks, LONGEST_LEAD)

    def missed(self) -> bool:
        """A note came too late. True where even the thinnest texture does: rest."""
        self.late += 1
        self._in_time = 0
        self._decoding = min(2 * self._decoding, LONGEST_LEAD)
        if self.rung is Rung.THIN:
            self.rested += 1
            return True
        self.rung = Rung(self.rung + 1)
        return False

    def made(self, margin: int) -> None:
        """A note was drawn, so long before its moment."""
        self._decoding = max(self._least, self._decoding - self._decoding // 8)
        self._in_time = self._in_time + 1 if margin >= self.commit // 2 else 0
        if self._in_time >= RECOVERY and self.rung is not Rung.FULL:
            self.rung, self._in_time = Rung(self.rung - 1), 0
