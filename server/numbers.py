"""What the host counts: how fast it is, how soon it answers. Knows no session; `now` is given."""

from collections import deque
from dataclasses import dataclass
from typing import Final

from clients.times import percentile
from music.time import Nanos

WINDOW: Final = Nanos(2_000_000_000)  # rates are of the last two seconds
REACTIONS: Final = 1024  # percentiles are of this many answers


@dataclass(frozen=True, slots=True, kw_only=True)
class HostStatus:
    """The host at one moment. Reactions are None before the first answer."""

    failure: str | None  # why nothing can be played; None while all is well
    sessions: int
    max_sessions: int
    steps: int  # runs of the engine, in all
    tokens: int  # drawn, in all
    tokens_per_second: float
    busy_share: float  # of the time, how much the engine computed: 0..1
    reaction_p50_ns: int | None  # of a human note: until it was reviewed; of a turn by itself: until its first note
    reaction_p95_ns: int | None
    reaction_p99_ns: int | None


class Numbers:
    """Never blocks; guarded by the host's lock."""

    def __init__(self) -> None:
        self.steps = 0
        self.tokens = 0
        self._recent: deque[tuple[Nanos, int, int]] = deque()  # (ended at, tokens, nanoseconds of computing)
        self._reactions: deque[int] = deque(maxlen=REACTIONS)

    def ran(self, tokens: int, began: Nanos, ended: Nanos) -> None:
        self.steps += 1
        self.tokens += tokens
        self._recent.append((ended, tokens, ended - began))
        self._forget(ended)

    def reacted(self, nanos: int) -> None:
        self._reactions.append(nanos)

    def tokens_per_second(self, now: Nanos) -> float:
        self._forget(now)
        return sum(tokens for _, tokens, _ in self._recent) * 1e9 / WINDOW

    def busy_share(self, now: Nanos) -> float:
        self._forget(now)
        return min(1.0, sum(nanos for _, _, nanos in self._recent) / WINDOW)

    def reaction_ns(self, share: float) -> int | None:
        """The time within which `share` of the answers came."""
        return percentile(self._reactions, share) if self._reactions else None

    def _forget(self, now: Nanos) -> None:
        while self._recent and self._recent[0][0] <= now - WINDOW:
            self._recent.popleft()
