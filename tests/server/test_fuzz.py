"""Whatever frames come, the server ends no connection without a word, makes no mistake, and others play on.

`TRADEFOURS_FUZZ_FRAMES=100000 pytest tests/server/test_fuzz.py` sends so many; docs/log.md has what was found.
"""

import asyncio
import logging
import os
import random
from collections import Counter
from typing import Final

import pytest

from clients.live import LiveClient
from music.time import Tick
from streaming.messages import ServerHeartbeat
from tests.server.frames import SUBPROTOCOLS, Frames, RawClient
from tests.server.running import PATIENCE_S, Running, run_server

FRAMES: Final = int(os.environ.get("TRADEFOURS_FUZZ_FRAMES", "3000"))
SEED: Final = 8765
MOST_AT_ONCE: Final = 30
POLITE: Final = {None, 1000, 1002, 1003, 1005, 1007, 1008, 1009, 1013, 4000, 4008, 4408}  # None: it goes on


async def test_no_frames_end_a_connection_without_a_word_or_harm_another_player(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with run_server(messages_per_s=100_000, max_sessions=8) as running:
        async with LiveClient(f"ws://127.0.0.1:{running.port}/v1/live", tick=lambda: Tick(0)) as other:
            await other.start(mode="duet")
            ends = await fuzzed(running)
            await still_plays(other)
    with capsys.disabled():
        if FRAMES > 10_000:
            print(dict(sorted(ends.items(), key=str)))
    assert set(ends) <= POLITE, ends
    assert sum(ends.values()) - ends[None] > 0
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def fuzzed(running: Running) -> Counter[int | None]:
    """How each connection was after its frames."""
    frames, dice, ends = Frames(SEED), random.Random(SEED), Counter[int | None]()
    sent = 0
    while sent < FRAMES:
        path = "/v1/watch" if dice.random() < 0.05 else "/v1/live"
        client = await RawClient.connect(running.port, path, dice.choice(SUBPROTOCOLS))
        many = dice.randint(1, MOST_AT_ONCE)
        for _ in range(many):
            client.send(next(frames))
        sent += many
        async with asyncio.timeout(PATIENCE_S):
            ends[await client.end()] += 1
        client.leave()
    return ends


async def still_plays(other: LiveClient) -> None:
    """It is answered now."""
    await other.beat()
    async with asyncio.timeout(PATIENCE_S):
        async for message in other:
            if isinstance(message, ServerHeartbeat):
                return
    raise AssertionError("the server said bye")
