"""Players who each want a token in every hundredth of a second, and one engine that serves whoever is due.

Knows nothing of sockets.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from time import monotonic_ns, sleep
from typing import Any, Final

from benchmarks.engines import SEED, fill, live_draws, music
from model.engine.work import Engine, Step

PER_SECOND: Final = 100
PERIOD_NS: Final = 1_000_000_000 // PER_SECOND
WALK: Final = 64  # tokens after which a player goes back to the context that is measured


class Players:
    """Sequences with the same tokens behind them, each on its own walk."""

    def __init__(self, engine: Engine[Any], count: int, context: int) -> None:
        self._engine = engine
        self._context = context
        self._tokens = music(context + WALK)
        self._draws = live_draws(self._tokens)
        first = engine.open(0)
        fill(engine, first, self._tokens[:context])
        self._sequences = [first, *(engine.fork(first, seed) for seed in range(1, count))]
        self._walked = [0] * count

    def step(self, players: Sequence[int]) -> None:
        """One token for each of them, drawn as in live play."""
        work = []
        for player in players:
            at = self._context + self._walked[player] % WALK
            self._walked[player] += 1
            step = Step(keep=at, append=(self._tokens[at],), draw=self._draws[at])
            work.append((self._sequences[player], step))
        self._engine.run(work)


@dataclass(order=True, slots=True)
class Turn:
    due: int
    player: int


def paced(players: Players, count: int, seconds: float) -> list[list[float]]:
    """Milliseconds from when each token was due to when it was there, by player. Who is late stays due."""
    dice = random.Random(SEED)
    began = monotonic_ns()
    turns = [Turn(began + dice.randrange(PERIOD_NS), player) for player in range(count)]
    heapify(turns)
    late: list[list[float]] = [[] for _ in range(count)]
    end = began + round(seconds * 1e9)
    while (now := monotonic_ns()) < end:
        if turns[0].due > now:
            sleep((turns[0].due - now) / 1e9)
            continue
        served = []
        while turns and turns[0].due <= now:
            served.append(heappop(turns))
        players.step([turn.player for turn in served])
        done = monotonic_ns()
        for turn in served:
            late[turn.player].append((done - turn.due) / 1e6)
            heappush(turns, Turn(turn.due + PERIOD_NS, turn.player))
    return late
