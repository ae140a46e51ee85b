"""The sequences that an engine has open, and what it refuses before it changes any. Knows no network, only sizes."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from model.engine.checks import check_distinct, check_step
from model.engine.work import BadStep, Cached, EngineFull, Step


@dataclass(slots=True, eq=False, weakref_slot=True)
class Member(ABC):
    """One sequence of an engine. Holds nothing after `close`."""

    seed: int
    roster: "Roster[Any]" = field(repr=False)

    @property
    @abstractmethod
    def length(self) -> int:
        """Tokens."""

    @property
    def is_open(self) -> bool:
        return self in self.roster.members

    def close(self) -> None:
        """Closing again does nothing."""
        if self.is_open:
            self.roster.members.remove(self)
            self._free()

    @abstractmethod
    def _free(self) -> None:
        """Give the memory back."""


@dataclass(slots=True, eq=False)
class ListedMember(Member):
    """One whose token ids are remembered here, as its engine's caches hold none."""

    tokens: list[int]

    @property
    def length(self) -> int:
        return len(self.tokens)

    def write(self, step: Step) -> tuple[int, tuple[int, ...]]:
        """The step's tokens are the sequence's from now on. Returns how many the caches keep, and what comes after."""
        keep, append = step.keep, step.append
        if not append and step.draw is not None:
            # A draw straight after a rewind needs the output at the last kept token, which no cache keeps: again.
            keep, append = keep - 1, (self.tokens[keep - 1],)
        del self.tokens[keep:]
        self.tokens.extend(append)
        return keep, append


M = TypeVar("M", bound=Member)


class Roster(Generic[M]):
    """At most so many at once; each holds at most `capacity` tokens of a vocabulary."""

    def __init__(self, most: int, *, capacity: int, vocabulary: int, held: int | None = None) -> None:
        """`held`: of how many tokens a sequence's caches hold something, where that is less than its capacity."""
        self.members: set[M] = set()
        self._most = most
        self._capacity = capacity
        self._held = capacity if held is None else held
        self._vocabulary = vocabulary

    def cached(self, sequence_bytes: int) -> Cached:
        """`sequence_bytes` holds a whole sequence. Any thread: the engine's may open and close some meanwhile."""
        lengths = [min(member.length, self._held) for member in list(self.members)]
        return Cached(
            sequences=len(lengths),
            most_sequences=self._most,
            bytes=sum(lengths) * sequence_bytes // self._held,
            most_bytes=self._most * sequence_bytes,
        )

    def make_room(self) -> None:
        """Raises EngineFull where there is none."""
        if len(self.members) >= self._most:
            raise EngineFull(f"expected at most {self._most} open sequences, got one more")

    def admit(self, member: M) -> M:
        self.members.add(member)
        return member

    def check_open(self, member: M) -> None:
        if member not in self.members:
            raise BadStep("expected an open sequence of this engine, got one that is closed or another's")

    def check_work(self, work: Sequence[tuple[M, Step]]) -> None:
        """Raises BadStep where any of it cannot be done."""
        for member, step in work:
            self.check_open(member)
            check_step(step, length=member.length, capacity=self._capacity, vocabulary=self._vocabulary)
        check_distinct([member for member, _ in work])
