"""Whose steps come next: of those to whom an answer is owed, then of those whose music runs out, then of the others.

A step that can wait makes everybody wait who plays a note meanwhile, so few tokens of those are taken at a time. Knows
no engine and no clock.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from typing import Final

from music.time import Nanos
from server.seat import Job, Seat

RUSHED_TURNS: Final = 16  # so many in a row at most: then one turn serves those who can wait, too


class Rank(IntEnum):
    OWED = 0  # somebody has just played, or waits for an answer
    PRESSED = 1  # the next notes are undecided
    CALM = 2  # there is something to read again, or a note far ahead to write


# Read and drawn in one turn, but that its last step may be longer.
MOST_TOKENS: Final[Mapping[Rank, int]] = {Rank.OWED: 512, Rank.PRESSED: 24, Rank.CALM: 16}

Poll = Callable[[Seat], Job | None]


def is_of(rank: Rank, seat: Seat, now: Nanos) -> bool:
    """Whether a seat is of that rank or a higher one."""
    return rank is Rank.CALM or seat.session.urgent or (rank is Rank.PRESSED and seat.is_pressed(now))


class Precedence:
    """Engine thread only; never blocks."""

    def __init__(self) -> None:
        self._rushed = 0  # turns in a row that left out those who can wait
        self._jobs = 0
        self._served: dict[Seat, int] = {}  # the number of each one's last job

    def choose(self, ready: Sequence[Seat], now: Nanos, poll: Poll) -> list[Job]:
        """The steps of the next turn. Asks only those whose step is taken, or who have none."""
        self._served = {seat: self._served.get(seat, 0) for seat in ready}
        waiting: Sequence[Seat] = ready
        work: list[Job] = []
        for rank in Rank:
            its, others = list[Seat](), list[Seat]()
            for seat in waiting:
                (its if is_of(rank, seat, now) else others).append(seat)
            work += self._serve(its, MOST_TOKENS[rank], poll)
            waiting = others
            if work and rank is not Rank.CALM and self._rushed < RUSHED_TURNS:
                self._rushed += 1
                return work
        self._rushed = 0
        return work

    def _serve(self, waiting: list[Seat], most: int, poll: Poll) -> list[Job]:
        """Who has waited longest comes first."""
        jobs: list[Job] = []
        for seat in sorted(waiting, key=self._served.__getitem__):
            if most <= 0:
                break
            if job := poll(seat):
                jobs.append(job)
                most -= job.step.most
                self._jobs += 1
                self._served[seat] = self._jobs
        return jobs
