"""Players who keep a server busy: `python -m benchmarks.crowd URL`, until it is ended. A process of its own.

Each plays ten notes a second in a duet, and sends a hundred messages a second in all.
"""

import asyncio
import random
import sys
from time import monotonic_ns
from typing import Final

from clients.live import LiveClient
from music.time import Nanos
from streaming.clock import PlayerClock

PLAYERS: Final = 4
MESSAGE_S: Final = 0.01
MESSAGES_PER_NOTE: Final = 10
BPM: Final = 120.0


async def crowd(url: str) -> None:
    async with asyncio.TaskGroup() as group:
        for seed in range(PLAYERS):
            group.create_task(player(url, seed))


async def player(url: str, seed: int) -> None:
    clock = PlayerClock(BPM)
    async with LiveClient(url, tick=lambda: clock.tick_at(_now())) as live:
        await live.start(mode="duet", bpm=BPM, seed=seed)
        async with asyncio.TaskGroup() as group:
            group.create_task(play(live, clock, random.Random(seed)))
            group.create_task(listen(live))


async def play(live: LiveClient, clock: PlayerClock, dice: random.Random) -> None:
    while True:
        pitch = dice.randint(48, 84)
        await live.note(clock.play(_now()), pitch, dice.randint(40, 100))
        for _ in range(MESSAGES_PER_NOTE - 2):
            await asyncio.sleep(MESSAGE_S)
            await live.beat()
        await live.note(clock.play(_now()), pitch, 0)
        await asyncio.sleep(MESSAGE_S)


async def listen(live: LiveClient) -> None:
    async for _ in live:
        pass


def _now() -> Nanos:
    return Nanos(monotonic_ns())


if __name__ == "__main__":
    asyncio.run(crowd(sys.argv[1]))
