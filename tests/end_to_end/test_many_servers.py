"""Two servers behind HAProxy as docs/operations.md sets it up: who comes back finds his set, whichever server has died.

Real servers, sockets and HAProxy; the tiny network.
"""

import asyncio
import os
import shutil
import socketserver
import subprocess
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from time import monotonic
from typing import Any

import httpx
import pytest

from clients.live import LiveClient
from music.errors import TradefoursError
from music.time import Tick
from streaming.messages import Plan
from tests.conftest import ROOT
from tests.server.processes import free_port, server_process, wait_for

pytestmark = pytest.mark.skipif(not shutil.which("haproxy"), reason="needs haproxy")

PLAYERS = 6
AGAIN_S = 1.0  # from the server's end to a set that goes on in the other one; a busy machine gets three times as much


@dataclass(frozen=True)
class Site:
    """`door` is HAProxy's address, the others are those behind it."""

    door: str
    servers: dict[str, "subprocess.Popen[str]"]

    @property
    def live(self) -> str:
        return f"ws://{self.door}/v1/live"

    def sessions(self, server: str) -> set[str]:
        told = httpx.get(f"http://{server}/v1/sessions", trust_env=False).json()
        return {each["session"] for each in told["sessions"]}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    ports = [free_port() for _ in range(3)]
    door, one, other = (f"127.0.0.1:{port}" for port in ports)
    settings: dict[str, Any] = {"journal": tmp_path / "journals", "max_sessions": PLAYERS}
    with (
        server_process(ports[1], **settings, generations=tmp_path / "a") as a,
        server_process(ports[2], **settings, generations=tmp_path / "b") as b,
        haproxy(ports[0], one, other),
    ):
        yield Site(door, {one: a, other: b})


@contextmanager
def haproxy(port: int, one: str, other: str) -> Iterator[None]:
    told = {"TRADEFOURS_PORT": str(port), "TRADEFOURS_A": one, "TRADEFOURS_B": other}
    with subprocess.Popen(["haproxy", "-q", "-f", "deploy/haproxy.cfg"], cwd=ROOT, env=os.environ | told) as process:
        try:
            wait_for(f"http://127.0.0.1:{port}/ready", process)
            yield
        finally:
            process.terminate()


class Dying(socketserver.BaseRequestHandler):
    """As a process whose port is still open while its connections are being closed."""

    def handle(self) -> None:
        if b"/ready" in self.request.recv(4096):
            self.request.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def has_resumed(live: LiveClient) -> bool:
    return live.welcome is not None and live.welcome.resumed


async def play(live: LiveClient, first: int, count: int = 3) -> None:
    for i in range(count):
        await live.note(first + 120 * i, 60 + i, 80)
        await live.note(first + 120 * i + 100, 60 + i, 0)


async def until_plan(live: LiveClient) -> None:
    async with asyncio.timeout(20):
        async for message in live:
            if isinstance(message, Plan) and message.add:
                return


async def until_lost(live: LiveClient) -> None:
    with pytest.raises(TradefoursError):
        async for _ in live:
            pass


async def lose(live: LiveClient) -> None:
    """As a network does."""
    assert live._socket is not None
    live._socket.transport.abort()
    await until_lost(live)


async def test_who_comes_back_finds_his_set_though_its_server_has_died(site: Site) -> None:
    players: list[LiveClient] = []
    async with AsyncExitStack() as stack:
        for seed in range(PLAYERS):
            live = await stack.enter_async_context(LiveClient(site.live, tick=lambda: Tick(600), keep_s=60))
            await live.start(mode="duet", seed=seed)
            await play(live, 0)
            await until_plan(live)
            players.append(live)
        names = [live.welcome.session for live in players if live.welcome]
        at = {server: site.sessions(server) for server in site.servers}
        assert sorted(names) == sorted(set.union(*at.values()))
        assert min(map(len, at.values())) == PLAYERS // 2, "both have their share"

        await lose(players[0])
        async with LiveClient(site.live, tick=lambda: Tick(900), keep_s=60, resume=players[0]) as again:
            assert has_resumed(again), "the server that has it in its memory was found"
            await again.stop(900)

        dead, alive = site.servers
        site.servers[dead].kill()
        began = monotonic()
        orphans = [live for live, name in zip(players[1:], names[1:], strict=True) if name in at[dead]]
        for orphan in orphans:
            await until_lost(orphan)
        came = [LiveClient(site.live, tick=lambda: Tick(1200), keep_s=60, resume=orphan) for orphan in orphans]
        await asyncio.gather(*(stack.enter_async_context(live) for live in came))
        took = monotonic() - began
        assert all(map(has_resumed, came))
        assert took < 3 * AGAIN_S
        assert {live.welcome.session for live in came if live.welcome} <= site.sessions(alive)
        for live in came:
            await play(live, 1200)
            await until_plan(live)


async def test_who_is_sent_to_a_server_that_dies_just_then_is_sent_to_another(tmp_path: Path) -> None:
    ports = [free_port() for _ in range(2)]
    door, server = (f"127.0.0.1:{port}" for port in ports)
    with (
        socketserver.ThreadingTCPServer(("127.0.0.1", 0), Dying) as dying,
        server_process(ports[1], journal=tmp_path / "journals", generations=tmp_path / "generations"),
    ):
        Thread(target=dying.serve_forever, daemon=True).start()
        with haproxy(ports[0], f"127.0.0.1:{dying.server_address[1]}", server):
            for _ in range(4):
                async with LiveClient(f"ws://{door}/v1/live", tick=lambda: Tick(0)) as live:
                    assert live.welcome is not None
            sent = [httpx.post(f"http://{door}/v1/generations", content=b"", trust_env=False) for _ in range(4)]
            assert 502 in {each.status_code for each in sent}, "what may have been done is not done twice"
        dying.shutdown()
