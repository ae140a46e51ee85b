"""Many players at once, at real WebSockets: `tradefours serve` in a process of its own, all the players in this one.

Each plays five notes a second in a duet with a machine that is asked for many. Knows no ports: a note's margin is how
long before its due time its promise has reached the player, lateness how long after; what the port adds is another's.
"""

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from time import monotonic_ns
from typing import Any, Final

from benchmarks.programs import serving
from benchmarks.report import Row
from benchmarks.time_bar import time_bar
from clients.live import LiveClient
from clients.times import percentile
from music.errors import TradefoursError
from music.time import Nanos, Tick
from streaming.clock import PlayerClock
from streaming.messages import ErrorMessage, Plan, PlannedNote, PlayerPart, ServerHeartbeat

BPM: Final = 120.0
HUMAN_PER_S: Final = 5
SCALE: Final = (48, 50, 52, 53, 55, 57, 59, 60, 62, 64, 65, 67, 69, 71, 72)
MACHINE: Final = (PlayerPart(part=1), PlayerPart(part=2, program=32), PlayerPart(part=3, program=48))
SETTLE_S: Final = 2.0  # not counted: until all have begun
LATEST_MS: Final = 5.0  # lateness, p99, and
LEAST_IN_TIME: Final = 0.99  # of all notes, those never sent included: then so many players are in time
DENSITY: Final = 1.0
STRETCHES: Final = 6  # of the time that counts: what grows with a set grows from one to the next


@dataclass(slots=True)
class Heard:
    """What reached one player."""

    margins: list[int] = field(default_factory=list)  # nanoseconds, of each promised note
    reactions: list[tuple[int, int]] = field(default_factory=list)  # of each human note: when it was played, how soon
    tokens_per_s: list[float] = field(default_factory=list)  # of the server, for all
    late: int = 0  # notes that the server did not even send
    rested: int = 0


@dataclass(frozen=True, slots=True)
class Measured:
    rows: Sequence[Row]  # one for each number of players
    stretches: Sequence[Row]  # of the last of them
    ratios: Mapping[str, float]


def measure_many(model: str, most: int, seconds: float) -> Measured:
    """With `most` players, then half as many, until lateness is as wanted."""
    rows: list[Mapping[str, Any]] = []
    players = most
    with serving(model, "--max-sessions", str(most)) as url:
        while True:
            with time_bar(SETTLE_S + seconds, f"{players} players"):
                heard = asyncio.run(measure(url, players, seconds))
            rows.append(row := figures(heard, seconds))
            if is_in_time(row) or players == 1:
                break
            players //= 2
    names = ("lateness_p99_ms", "in_time_share", "notes_per_s", "tokens_per_s")
    ratios = {f"players_{most}_{name}": float(rows[0][name]) for name in names}
    ratios["players_in_time"] = float(players if is_in_time(rows[-1]) else 0)
    return Measured(rows, stretches(heard, seconds), ratios)


def is_in_time(row: Mapping[str, Any]) -> bool:
    return bool(row["lateness_p99_ms"] <= LATEST_MS and row["in_time_share"] >= LEAST_IN_TIME)


def figures(heard: Sequence[Heard], seconds: float) -> dict[str, Any]:
    margins = [margin for each in heard for margin in each.margins]
    late = sum(each.late for each in heard)
    in_time = sum(margin >= 0 for margin in margins)
    return {
        "players": len(heard),
        "seconds": seconds,
        "notes_per_s": round(len(margins) / seconds / len(heard), 2),
        "tokens_per_s": round(fmean([rate for each in heard for rate in each.tokens_per_s] or [0.0]), 1),
        "margin_p50_ms": _ms(percentile(margins, 0.5)),
        "margin_p01_ms": _ms(percentile(margins, 0.01)),
        "lateness_p99_ms": _lateness(margins),
        "worst_player_p99_ms": max(_lateness(each.margins) for each in heard),
        "in_time_share": round(in_time / (len(margins) + late), 5) if margins or late else 1.0,
        "not_sent": late,
        "rested": sum(each.rested for each in heard),
        "reaction_p95_ms": _ms(percentile([took for each in heard for _, took in each.reactions], 0.95)),
    }


def stretches(heard: Sequence[Heard], seconds: float) -> list[Row]:
    """Reactions of all, stretch by stretch."""
    reactions = [each for one in heard for each in one.reactions]
    began, length = min((at for at, _ in reactions), default=0), seconds / STRETCHES
    took = [[nanos for at, nanos in reactions if (at - began) // (length * 1e9) == i] for i in range(STRETCHES)]
    return [
        {
            "from_s": round(i * length, 1),
            "human_notes": len(each),
            "reaction_p50_ms": _ms(percentile(each, 0.5)),
            "reaction_p95_ms": _ms(percentile(each, 0.95)),
            "longest_ms": _ms(max(each)),
        }
        for i, each in enumerate(took)
        if each
    ]


async def measure(url: str, players: int, seconds: float) -> list[Heard]:
    """All at once, for so long after they have settled."""
    until = monotonic_ns() + round((SETTLE_S + seconds) * 1e9)
    since = until - round(seconds * 1e9)
    performers = [Performer(url, seed, since, until) for seed in range(players)]
    await asyncio.gather(*(each.perform(delay_s=i / players / HUMAN_PER_S) for i, each in enumerate(performers)))
    return [each.heard for each in performers]


class Performer:
    """One player, counted from `since` on."""

    def __init__(self, url: str, seed: int, since: int, until: int) -> None:
        self.heard = Heard()
        self._url, self._seed, self._since, self._until = url, seed, since, until
        self._clock = PlayerClock(BPM)
        self._planned: dict[int, PlannedNote] = {}
        self._unreviewed: dict[int, int] = {}  # when it was sent, by seq
        self._before: ServerHeartbeat | None = None  # what it had counted when it began to count for us

    async def perform(self, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        async with LiveClient(self._url, tick=lambda: self._clock.tick_at(_now())) as live:
            await live.start(mode="duet", bpm=BPM, seed=self._seed, density=DENSITY, machine=MACHINE)
            listening = asyncio.create_task(self._listen(live))
            await self._play(live, random.Random(self._seed))
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
            if not listening.cancelled() and (error := listening.exception()):
                raise error

    async def _play(self, live: LiveClient, dice: random.Random) -> None:
        step = 1e9 / HUMAN_PER_S
        began = monotonic_ns()
        for i in range(round((self._until - began) / step)):
            await _sleep_until(began + i * step)
            pitch, now = dice.choice(SCALE), _now()
            self._unreviewed[await live.note(self._clock.play(now), pitch, dice.randint(50, 100))] = now
            await _sleep_until(began + (i + 0.8) * step)
            await live.note(self._clock.play(_now()), pitch, 0)

    async def _listen(self, live: LiveClient) -> None:
        async for message in live:
            now = _now()
            if isinstance(message, ErrorMessage):
                raise TradefoursError(f"expected the session to play on, got: {message.reason}")
            if isinstance(message, Plan):
                self._follow(message, now)
            elif isinstance(message, ServerHeartbeat) and now >= self._since:
                self._before = self._before or message
                self.heard.late = message.late - self._before.late
                self.heard.rested = message.rested - self._before.rested
                self.heard.tokens_per_s.append(message.tokens_per_second)

    def _follow(self, plan: Plan, now: Nanos) -> None:
        self._planned.update((note.id, note) for note in plan.add)
        for id in plan.cancel:
            self._planned.pop(id, None)
        for note in [self._planned.pop(id) for id in plan.commit]:
            due = self._clock.nanos_at(Tick(note.tick))
            if due is not None and now >= self._since:
                self.heard.margins.append(due - now)
        if plan.reviewed_seq is not None:
            for seq in [seq for seq in self._unreviewed if seq <= plan.reviewed_seq]:
                sent = self._unreviewed.pop(seq)
                if sent >= self._since:
                    self.heard.reactions.append((sent, now - sent))


def _lateness(margins: Sequence[int]) -> float:
    return _ms(percentile([max(0, -margin) for margin in margins], 0.99))


def _ms(nanos: int) -> float:
    return round(nanos / 1e6, 3)


def _now() -> Nanos:
    return Nanos(monotonic_ns())


async def _sleep_until(moment: float) -> None:
    await asyncio.sleep(max(0.0, moment - monotonic_ns()) / 1e9)
