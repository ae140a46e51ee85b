"""How much a client may ask: messages, sessions, connections, generations; and for how long it may do nothing."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus

from clients.access import bearer
from server.limits import BYTES, Rate, Requests
from tests.server.running import PATIENCE_S, Running, heard, run_server, say
from tests.server.test_connection import close_code, until

KEYS = {"anna": "annas-key-0123456789", "bert": "berts-key-0123456789"}


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "keys.txt"
    path.write_text("".join(f"{key} {name}\n" for name, key in KEYS.items()))
    return path


# ---- messages a second ------------------------------------------------------------------------------------


@given(st.integers(10, 1000), st.lists(st.floats(0, 0.2), min_size=1, max_size=300), st.floats(0, 1e6))
def test_no_more_is_taken_than_the_allowance_and_its_burst(per_s: int, waits: list[float], began: float) -> None:
    rate, now, taken = Rate(per_s, began), began, 0
    for wait in waits:
        now += wait
        taken += rate.take(0, now) != "too_fast"
    assert taken <= per_s * (2 + now - began) + 1


@given(st.integers(10, 1000), st.integers(1, 2000))
def test_who_keeps_to_the_allowance_is_never_warned(per_s: int, messages: int) -> None:
    rate = Rate(per_s, 0.0)
    assert {rate.take(0, number / per_s) for number in range(1, messages + 1)} == {"fine"}


def test_a_warning_comes_once_before_the_end_and_again_after_a_rest() -> None:
    rate = Rate(10, 0.0)
    assert [rate.take(0, 0.0) for _ in range(21)] == ["fine"] * 10 + ["fast"] + ["fine"] * 9 + ["too_fast"]
    assert [rate.take(0, 60.0) for _ in range(11)] == ["fine"] * 10 + ["fast"]


def test_a_long_message_counts_as_several_and_what_is_said_again_is_given() -> None:
    rate = Rate(10, 0.0)
    rate.grant(64)
    assert [rate.take(64 * BYTES - 1, 0.0), rate.take(30 * BYTES, 0.0)] == ["fine", "too_fast"]


async def test_who_floods_is_warned_then_closed_with_4008_and_the_others_play_on() -> None:
    with run_server(messages_per_s=50) as running:
        async with running.playing(mode="duet") as other, running.playing() as flood:
            await until(running, 2)
            for _ in range(120):
                await say(flood, type="heartbeat")
            errors = [await heard(flood, "error") for _ in range(2)]
            assert [(error.code, error.fatal) for error in errors] == [("too_fast", False), ("flood", True)]
            assert await close_code(flood) == 4008
            await until(running, 1)
            await say(other, type="note", tick=0, pitch=60, velocity=80)
            await heard(other, "plan")


async def test_a_watcher_has_little_to_say() -> None:
    with run_server(messages_per_s=10) as running:
        async with running.connected("/v1/watch", subprotocols=None) as watcher:
            for _ in range(25):
                await watcher.send("hello?")
            assert await close_code(watcher) == 4008


# ---- who never plays ----------------------------------------------------------------------------------------


async def test_a_client_that_is_there_and_never_plays_is_closed_with_4408() -> None:
    with run_server(start_timeout_s=0.2) as running:
        async with running.connected() as idle, running.playing() as player:
            await say(idle, type="hello")
            await _beat_until_closed(idle)
            assert idle.close_code == 4408
            await say(player, type="heartbeat")
            await heard(player, "heartbeat")


async def _beat_until_closed(socket: ClientConnection) -> None:
    """As a client that lives."""
    codes = []
    async with asyncio.timeout(PATIENCE_S):
        await say(socket, type="heartbeat")
        while text := await _frame(socket):
            message = json.loads(text)
            codes += [message["code"]] if message["type"] == "error" else []
            if message["type"] == "heartbeat":
                await asyncio.sleep(0.01)
                await say(socket, type="heartbeat")
    assert codes == ["idle"]


async def _frame(socket: ClientConnection) -> str | bytes | None:
    try:
        return await socket.recv()
    except ConnectionClosed:
        return None


# ---- requests a second ----------------------------------------------------------------------------------------


def test_requests_of_a_caller_have_a_rate_and_what_keeps_a_server_alive_has_none(key_file: Path) -> None:
    with (
        run_server(requests_per_s=10, key_file=key_file) as running,
        httpx.Client(base_url=running.http, trust_env=False) as client,
    ):

        def ask(path: str, name: str) -> httpx.Response:
            return client.get(path, headers=as_(name))

        answers = [ask("/v1/models", "anna") for _ in range(40)]
        assert {each.status_code for each in answers} == {200, 429}
        refused = next(each for each in answers if each.status_code == 429)
        assert (refused.json()["code"], refused.headers["retry-after"]) == ("too_fast", "1")
        assert {ask("/health", "anna").status_code for _ in range(30)} == {200}
        assert ask("/v1/models", "bert").status_code == 200


async def test_callers_without_number_are_not_remembered_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.limits.CALLERS", 2)
    told: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        told.append(scope["tradefours.caller"])

    async def nothing(message: Any = None) -> Any:
        return message

    requests = Requests(app, per_s=10, no_room=lambda _: None)
    for caller in ["a"] * 30 + ["b", "c", "a"]:
        scope = {"type": "http", "method": "GET", "path": "/v1/models", "tradefours.caller": caller}
        await requests(scope, nothing, nothing)
    assert 20 <= told.count("a") - 1 <= 22, "a was refused, was forgotten, and is welcome again"
    assert len(requests._rates) == 2


def test_a_generation_that_has_no_room_is_refused_before_it_is_read(key_file: Path) -> None:
    with run_server(max_generations=1) as running:
        running.stage.host.stop()  # nothing is ever written
        httpx.post(f"{running.http}/v1/generations", json={"bars": 1}, trust_env=False)
        with socket.create_connection(("127.0.0.1", running.port), timeout=PATIENCE_S) as connection:
            connection.sendall(
                b"POST /v1/generations HTTP/1.1\r\nHost: localhost\r\n"
                b"Content-Type: audio/midi\r\nContent-Length: 4000000\r\n\r\n"
            )
            assert connection.recv(4096).startswith(b"HTTP/1.1 429 ")


# ---- each caller's share --------------------------------------------------------------------------------------


def as_(name: str) -> dict[str, str]:
    return bearer(KEYS[name])


@asynccontextmanager
async def playing(running: Running, name: str, **hello: Any) -> AsyncIterator[ClientConnection]:
    async with running.connected(additional_headers=as_(name)) as socket:
        await say(socket, type="hello", **hello)
        await heard(socket, "welcome")
        await say(socket, type="start")
        await say(socket, type="heartbeat")
        yield socket


async def test_a_key_has_so_many_players_and_another_key_has_its_own(key_file: Path) -> None:
    with run_server(key_file=key_file, max_sessions_each=1) as running:
        async with playing(running, "anna") as first:
            await until(running, 1)
            async with playing(running, "anna") as second:
                error = await heard(second, "error")
                assert (error.code, error.fatal) == ("full", True)
                assert error.reason == "expected at most 1 players of anna, got one more"
                assert await close_code(second) == 1013
            async with playing(running, "bert"):
                await until(running, 2)
            await say(first, type="start", bpm=90)  # in its own place
            await say(first, type="heartbeat", ping_ns=7)
            while (await heard(first, "heartbeat")).ping_ns != 7:
                pass


async def test_of_ones_own_share_the_session_that_waits_makes_room(key_file: Path) -> None:
    with run_server(key_file=key_file, max_sessions_each=1) as running:
        async with playing(running, "anna", keep_s=60) as cut, playing(running, "bert", keep_s=60) as other:
            await until(running, 2)
            waiting = dict(running.stage.conversations)
            for socket in (cut, other):
                socket.transport.abort()
            async with asyncio.timeout(PATIENCE_S):
                while any(talk.outbox for talk in waiting.values()):
                    await asyncio.sleep(0.01)
        async with playing(running, "anna") as again:
            await heard(again, "heartbeat")
            left = running.stage.conversations
            assert sorted(talk.caller for talk in left.values()) == ["anna", "bert"]
            assert [talk.caller for token, talk in left.items() if token in waiting] == ["bert"]


async def test_without_keys_an_address_has_its_share() -> None:
    with run_server(max_sessions_each=1) as running:
        async with running.playing(), running.playing() as second:
            assert "of 127.0.0.1" in (await heard(second, "error")).reason


def test_a_key_has_so_many_generations_and_another_key_has_its_own(key_file: Path) -> None:
    with run_server(key_file=key_file, max_generations_each=1) as running:
        running.stage.host.stop()  # nothing is ever written

        def ask(name: str) -> int:
            url = f"{running.http}/v1/generations"
            return httpx.post(url, json={"bars": 1}, headers=as_(name), trust_env=False).status_code

        assert [ask(name) for name in ("anna", "anna", "bert", "bert")] == [202, 429, 202, 429]


async def test_a_caller_has_so_many_websockets_and_those_that_close_are_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.limits.SOCKETS_EACH", 3)
    with run_server(max_sessions=1, max_watchers=1, hello_timeout_s=60) as running:
        async with AsyncExitStack() as stack:
            for _ in range(3):
                await stack.enter_async_context(running.connected())
            with pytest.raises(InvalidStatus) as refusal:
                await stack.enter_async_context(running.connected())
            assert refusal.value.response.status_code == 429
            assert refusal.value.response.headers["retry-after"]
        async with asyncio.timeout(PATIENCE_S):
            while running.stage.traffic.inside["live"]:
                await asyncio.sleep(0.01)
        async with running.connected() as socket:
            await say(socket, type="hello")
            await heard(socket, "welcome")


async def test_all_callers_together_have_so_many_websockets(monkeypatch: pytest.MonkeyPatch, key_file: Path) -> None:
    monkeypatch.setattr("server.limits.SOCKETS", 2)
    with run_server(max_sessions=1, max_watchers=0, hello_timeout_s=60, key_file=key_file) as running:
        async with AsyncExitStack() as stack:
            for name in KEYS:
                await stack.enter_async_context(running.connected(additional_headers=as_(name)))
            with pytest.raises(InvalidStatus) as refusal:
                await stack.enter_async_context(running.connected(additional_headers=as_("anna")))
            assert refusal.value.response.status_code == 503
