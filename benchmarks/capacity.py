"""`tradefours bench capacity`: what a server takes and gives, measured, and from that how many of them a city needs.

A real server in a process of its own. `players_in_time`: so many at once, each asking for many notes, hear 99 % of them
in time (`live_many`). `mb_each`: the slope of its memory over players who have just begun; `kv_mb_most`: what keys and
values may add for each, with two full sequences. `pieces_per_minute`: of eight bars, sixteen asked for at once, while
nobody plays; `one_at_a_time`: the same pieces, each asked for when the one before is there, in turns with the former.
A server computes in one thread: one core.

Rows of servers are computed by `benchmarks/arrivals.py` from these figures. `--page FILE` writes all of it down.
"""

import asyncio
import json
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Final

from benchmarks.arrivals import ARRIVALS, servers_needed
from benchmarks.live_many import measure_many
from benchmarks.overload import rss_mb, sample
from benchmarks.plain_http import ask
from benchmarks.programs import serving
from benchmarks.report import cpu, table, write_report
from clients.live import LiveClient
from music.errors import TradefoursError

MOST: Final = 16
STEPS: Final = (0, 8, 16)  # players, when the memory is looked at
NOTES: Final = 24
PIECES: Final = 16
BARS: Final = 8
ROUNDS: Final = 2
LOOK_S: Final = 0.02
QUICK_S: Final = 5.0  # for each number of players
FULL_S: Final = 30.0
CITY: Final = (10, 100, 1_000, 10_000)  # players at once, in the mean
MEAN_S: Final = 20 * 60.0  # a session
MOST_REFUSED: Final = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """What one can do."""

    players_in_time: int
    mb_empty: float
    mb_each: float
    kv_mb_most: float
    pieces_per_minute: float
    one_at_a_time: float


def bench_capacity(*, quick: bool, json_file: Path | None, model: str = "small", page: Path | None = None) -> int:
    """Measure, print, write. Returns the exit code."""
    found = measure_many(model, MOST, QUICK_S if quick else FULL_S).ratios
    with TemporaryDirectory() as folder:
        environ = {"TRADEFOURS_GENERATIONS": folder}
        with serving(model, "--max-sessions", str(MOST), environ=environ) as url:
            server = asyncio.run(_server(url.removeprefix("ws://").partition("/")[0], int(found["players_in_time"])))
    rows = city(server)
    write_report("capacity", [asdict(server)], asdict(server), json_file, further=rows)
    if page is not None:
        page.write_text(written(server, rows, model))
    return 0


def city(server: Server) -> list[dict[str, float]]:
    each = max(1, server.players_in_time)
    rows: list[dict[str, float]] = []
    for players in CITY:
        servers = servers_needed(each, players, MEAN_S, MOST_REFUSED)
        memory = servers * (server.mb_empty + each * (server.mb_each + server.kv_mb_most)) / 1024
        rows.append({"players": players, "servers": servers, "places": servers * each, "memory_gb": round(memory, 1)})
    return rows


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Of the straight line through the points that misses them least."""
    x, y = (sum(each) / len(points) for each in zip(*points, strict=True))
    rise: float = sum((a - x) * (b - y) for a, b in points) / sum((a - x) ** 2 for a, _ in points)
    return rise


def written(server: Server, rows: Sequence[dict[str, float]], model: str) -> str:
    """The page, in Markdown."""
    return f"""# How many servers

Written by `tradefours bench capacity --page docs/capacity.md`: network `{model}`, on {cpu()}.
A server computes in one thread, so a machine takes as many of them as it has cores
([several servers](operations.md#several-servers)). Measure on yours: others' work on a machine counts, too.

{table([asdict(server)])}

- `players_in_time`: at once, each with a machine that is asked for as many notes as it can, 99 % of them in time. Who
  asks for less, or in `answer` or `trade`, leaves room for more.
- `mb_empty`, `mb_each`: memory of a server without players, and for each who has begun to play; `kv_mb_most`: what the
  keys and values of a long set may add, two full sequences.
- `pieces_per_minute`: of {BARS} bars over REST, {PIECES} asked for at once, while nobody plays; `one_at_a_time`: the
  same pieces, each asked for when the one before is there.

Why many at once are not many times as fast: [the engine](engine.md#many-pieces-at-once).

## A city

So many players at once in the mean, who come independently of one another and stay for {MEAN_S / 60:.0f} minutes in the
mean (exponential), and servers of {server.players_in_time} places each: the fewest of which at most {MOST_REFUSED:.1%}
of those who come are refused. HAProxy sends each to the server with the fewest players, so all places are one house.
Simulated with {ARRIVALS:,} arrivals and more (`benchmarks/arrivals.py`).

{table(rows)}
"""


async def _server(address: str, players: int) -> Server:
    memory = []
    async with AsyncExitStack() as stack:
        playing = 0
        for count in STEPS:
            for _ in range(count - playing):
                await _begin(stack, address)
            playing = count
            numbers = (await ask(address, "/metrics")).body.decode()
            memory.append((count, rss_mb(numbers)))
    full = sample(numbers, "tradefours_kv_cache_capacity_bytes")
    sequences = sample(numbers, "tradefours_engine_sequences_capacity")
    together, alone = await _pieces_per_minute(address)
    return Server(
        players_in_time=players,
        mb_empty=round(memory[0][1], 1),
        mb_each=round(slope(memory), 2),
        kv_mb_most=round(2 * full / sequences / 2**20, 3),
        pieces_per_minute=round(together, 1),
        one_at_a_time=round(alone, 1),
    )


async def _begin(stack: AsyncExitStack, address: str) -> None:
    """A player who has played a phrase and was answered to it."""
    live = await stack.enter_async_context(LiveClient(f"ws://{address}/v1/live"))
    await live.start(mode="duet")
    for i in range(NOTES):
        await live.note(240 * i, 60 + i % 12, 80)
        await live.note(240 * i + 200, 60 + i % 12, 0)
    async for message in live:
        if message.type == "plan" and message.add:
            return


async def _pieces_per_minute(address: str) -> tuple[float, float]:
    """All at once, and one at a time: in turns, so that a machine that slows down slows both."""
    together = alone = 0.0
    for first in range(0, PIECES * ROUNDS, PIECES):
        together += await _written_s(address, first, PIECES)
        alone += sum([await _written_s(address, seed, 1) for seed in range(first, first + PIECES)])
    pieces = PIECES * ROUNDS
    return 60 * pieces / together, 60 * pieces / alone


async def _written_s(address: str, seed: int, pieces: int) -> float:
    began = monotonic()
    order = json.dumps({"bars": BARS, "variations": pieces, "seed": seed}).encode()
    asked = json.loads((await ask(address, "/v1/generations", order)).body)
    while asked["status"] not in ("succeeded", "failed"):
        await asyncio.sleep(LOOK_S)
        asked = json.loads((await ask(address, f"/v1/generations/{asked['id']}")).body)
    if asked["status"] == "failed":
        raise TradefoursError(f"expected pieces, got: {asked['reason']}")
    return monotonic() - began
