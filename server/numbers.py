"""What the host counts: how fast it is, how soon it answers. Knows no session; `now` is given."""

from collections import deque
from dataclasses import dataclass
from typing import Final

from clients.times import percentile
from model.engine.work import Drawn, Step
from music.time import Nanos
from server.histogram import MARGINS, Counted, Histogram

WINDOW: Final = Nanos(2_000_000_000)  # rates are of the last two seconds
REACTIONS: Final = 1024  # percentiles are of this many answers
BATCHES: Final = (1, 2, 4, 8, 16, 32, 64)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class HostHealth:
    """What is asked so often that it must take no time."""

    failure: str | None  # why nothing can be played; None while all is well
    silence_ns: int  # how long the turn that the engine is in has taken; 0 while it rests
    sessions: int
    late: int  # notes that came too late and were never played, since the start
    rested: int  # times that a session rested because the engine could not keep up


@dataclass(frozen=True, slots=True, kw_only=True)
class HostCounts:
    """All that was counted since the start. Times are nanoseconds."""

    tokens: int  # drawn
    appended: int  # given to the network by sessions: what was played, and what it has drawn itself
    busy_ns: int  # of runs for sessions
    planned: int  # notes told to players
    committed: int  # of these, promised
    cancelled: int  # of these, taken back before they sounded
    waiting: int  # pieces that wait for the engine, now
    decode: Counted  # passes in which no sequence was given more than one token; several of one run are as long each
    prefill: Counted  # all other runs for sessions
    batch: Counted  # turns for pieces
    batch_size: Counted  # sequences in a run for sessions
    reaction: Counted
    margin: Counted  # from the first telling of a note to its moment


class Numbers:
    """Never blocks; guarded by the host's lock."""

    def __init__(self) -> None:
        self.steps = 0
        self.tokens = 0
        self.appended = 0
        self.busy_ns = 0
        self.planned = 0
        self.committed = 0
        self.cancelled = 0
        self.late = 0  # of sessions that are over, as is the next
        self.rested = 0
        self.decode = Histogram()
        self.prefill = Histogram()
        self.batch = Histogram()
        self.batch_size = Histogram(BATCHES)
        self.reaction = Histogram()
        self.margin = Histogram(MARGINS)
        self._recent: deque[tuple[Nanos, int, int]] = deque()  # (ended at, tokens, nanoseconds of computing)
        self._reactions: deque[int] = deque(maxlen=REACTIONS)

    def ran(self, tokens: int, began: Nanos, ended: Nanos) -> None:
        self.steps += 1
        self.tokens += tokens
        self._recent.append((ended, tokens, ended - began))
        self._forget(ended)

    def ran_for_sessions(self, steps: list[Step], drawn: list[Drawn], began: Nanos, ended: Nanos) -> None:
        """`steps`: of each sequence, in one call of the engine. Draws that follow one another are a pass each."""
        self.ran(sum(map(len, drawn)), began, ended)
        appended = [len(step.append) for step in steps]
        self.appended += sum(appended)
        self.busy_ns += ended - began
        self.batch_size.add(len(steps))
        if max(appended) <= 1:
            self.decode.add((ended - began) // max(1, *map(len, drawn)))
        else:
            self.prefill.add(ended - began)

    def ran_for_pieces(self, tokens: int, began: Nanos, ended: Nanos) -> None:
        self.ran(tokens, began, ended)
        self.batch.add(ended - began)

    def told(self, planned: list[int], committed: int, cancelled: int) -> None:
        """`planned`: how long before its moment each new note was told of, in nanoseconds."""
        self.planned += len(planned)
        self.committed += committed
        self.cancelled += cancelled
        for margin in planned:
            self.margin.add(margin)

    def reacted(self, nanos: int) -> None:
        self._reactions.append(nanos)
        self.reaction.add(nanos)

    def counts(self, waiting: int) -> HostCounts:
        return HostCounts(
            tokens=self.tokens,
            appended=self.appended,
            busy_ns=self.busy_ns,
            planned=self.planned,
            committed=self.committed,
            cancelled=self.cancelled,
            waiting=waiting,
            decode=self.decode.counted(),
            prefill=self.prefill.counted(),
            batch=self.batch.counted(),
            batch_size=self.batch_size.counted(),
            reaction=self.reaction.counted(),
            margin=self.margin.counted(),
        )

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
