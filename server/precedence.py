"""Whose steps come next: of those to whom an answer is owed, then of those whose music runs out, then of the others.

A step that can wait makes everybody wait who plays a note meanwhile, so few tokens of those are taken at a time. Knows
no engine and no clock.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import IntEnum
from typing import Final

from music.time import Tick
from server.seat import Job, Seat

RUSHED_TURNS: Final = 16  # so many in a row at most: then one turn serves those who can wait, too


class Rank(IntEnum):
    OWED = 0  # somebody has just played, or waits for an answer
    PRESSED = 1  # the next notes are undecided
    CALM = 2  # there is something to read again, or a note far ahead to write


MOST_TOKENS: Final[Mapping[Rank, int]] = {Rank.OWED: 512, Rank.PRESSED: 16, Rank.CALM: 8}  # of one turn

Ready = tuple[Seat, Tick]  # who, and where that player's clock is
Poll = Callable[[Seat, Tick], Job | None]


def rank_of(seat: Seat, tick: Tick) -> Rank:
    if seat.session.urgent:
        return Rank.OWED
    return Rank.PRESSED if seat.session.is_pressed(tick) else Rank.CALM


class Precedence:
    """Engine thread only; never blocks."""

    def __init__(self) -> None:
        self._rushed = 0  # turns in a row that left out those who can wait
        self._jobs = 0
        self._served: dict[Seat, int] = {}  # the number of each one's last job

    def choose(self, ready: Sequence[Ready], poll: Poll) -> list[Job]:
        """The steps of the next turn. Asks only those whose step is taken, or who have none."""
        self._served = {seat: self._served.get(seat, 0) for seat, _ in ready}
        ranked = [(rank_of(*each), each) for each in ready]
        work: list[Job] = []
        for rank in Rank:
            work += self._serve((each for its, each in ranked if its is rank), MOST_TOKENS[rank], poll)
            if work and rank is not Rank.CALM and self._rushed < RUSHED_TURNS:
                self._rushed += 1
                return work
        self._rushed = 0
        return work

    def _serve(self, waiting: Iterable[Ready], most: int, poll: Poll) -> list[Job]:
        """Who has waited longest comes first."""
        jobs: list[Job] = []
        for seat, tick in sorted(waiting, key=lambda each: self._served[each[0]]):
            if most <= 0:
                break
            if job := poll(seat, tick):
                jobs.append(job)
                most -= len(job.step.append)
                self._jobs += 1
                self._served[seat] = self._jobs
        return jobs
