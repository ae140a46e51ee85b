"""Clients for whom there is no room: `python -m benchmarks.throng ADDRESS SESSIONS GENERATIONS SECONDS`.

A process of its own, which begins when its stdin has a line. Each comes at a moment of its own, and again when it was
refused: to play after `AGAIN_S`, with a request when the server has said (`Retry-After`). Prints, as JSON, by what was
wanted and what was answered, the milliseconds from the wish to connect to the answer.
"""

import asyncio
import json
import random
import sys
from collections import defaultdict
from contextlib import suppress
from time import perf_counter
from typing import Final

from benchmarks.plain_http import ask
from clients.live import LiveClient
from music.errors import TradefoursError
from streaming.messages import ErrorMessage

AGAIN_S: Final = 2.0
RETRY_AFTER_S: Final = 10.0  # what the server says
ADMITTED: Final = "admitted"

Answers = dict[str, list[float]]  # by what was answered


async def offer(address: str, sessions: int, generations: int, seconds: float) -> dict[str, Answers]:
    played, asked = defaultdict[str, list[float]](list), defaultdict[str, list[float]](list)
    comers = [_play(address, played) for _ in range(sessions)] + [_ask(address, asked) for _ in range(generations)]
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.gather(*comers)
    return {"session": dict(played), "generation": dict(asked)}


async def _play(address: str, answers: Answers) -> None:
    await asyncio.sleep(random.uniform(0, AGAIN_S))
    while True:
        began = perf_counter()
        answer = await _answer(address)
        answers[answer].append((perf_counter() - began) * 1000)
        await asyncio.sleep(AGAIN_S)


async def _answer(address: str) -> str:
    """The code of the refusal, or that there was none."""
    try:
        async with LiveClient(f"ws://{address}/v1/live") as live:
            await live.start(mode="duet")
            async for message in live:
                return message.code if isinstance(message, ErrorMessage) else ADMITTED
    except TradefoursError as error:
        return str(error)
    return "no answer"


async def _ask(address: str, answers: Answers) -> None:
    await asyncio.sleep(random.uniform(0, RETRY_AFTER_S))
    while True:
        try:
            answer = await ask(address, "/v1/generations", b"{}")
            answers[str(answer.status)].append(answer.ms)
        except (OSError, IndexError) as error:
            answers[type(error).__name__].append(0.0)
        await asyncio.sleep(RETRY_AFTER_S)


if __name__ == "__main__":
    sys.stdin.readline()  # whoever started us says when
    print(json.dumps(asyncio.run(offer(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])))))
