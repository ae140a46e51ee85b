"""The routes beside `/v1/live`: health, readiness, the page and what it watches."""

import asyncio
import json
import re
import sys
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection

from clients.live import LiveClient, tradefours_version
from music.files import read_midi
from music.time import Tick
from server.app import PAGE
from tests.server.running import PATIENCE_S, Running, run_server, say
from tests.server.test_connection import close_code


async def watched(socket: ClientConnection, kind: str) -> dict[str, Any]:
    """The next message of this kind; others are skipped."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            message: dict[str, Any] = json.loads(await socket.recv())
            if message["type"] == kind:
                return message


def get(running: Running, path: str, **headers: str) -> httpx.Response:
    return httpx.get(running.http + path, headers=headers, trust_env=False)


def test_health_says_that_the_process_lives(running: Running) -> None:
    assert get(running, "/health").json() == {"status": "alive", "version": tradefours_version()}


async def test_ready_says_what_plays_and_for_how_many(running: Running) -> None:
    async with running.playing() as socket:
        await say(socket, type="heartbeat", tick=0)
        await socket.recv()
        response = get(running, "/ready")
    assert response.status_code == 200
    body = {"ready": True, "reason": None, "model": "fake", "backend": "dice", "sessions": 1, "capacity": 4}
    assert response.json() == body


async def test_ready_says_why_not_when_the_engine_has_failed(running: Running) -> None:
    async with running.playing(mode="duet") as socket:
        running.engine.breaks = True
        await say(socket, type="note", tick=0, pitch=60, velocity=80)
        await close_code(socket)
    response = get(running, "/ready")
    assert (response.status_code, response.json()["ready"]) == (503, False)
    assert response.json()["reason"] == "the engine failed: out of memory"
    assert get(running, "/health").status_code == 200


@pytest.mark.parametrize("name", ["evil.example", "evil.example:8765", "", "[", "127.0.0.1.evil.example"])
def test_a_name_that_is_not_ours_is_refused(running: Running, name: str) -> None:
    for path in ("/", "/health", "/ready"):
        assert get(running, path, host=name).status_code == 403


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST:99", "127.0.0.1", "[::1]:8765"])
def test_loopback_names_are_ours(running: Running, name: str) -> None:
    assert get(running, "/health", host=name).status_code == 200


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere 127.0.0.2 must be set up first")
def test_the_loopback_address_that_we_listen_at_is_ours() -> None:
    with run_server(host="127.0.0.2") as running:
        response = httpx.get(f"http://127.0.0.2:{running.port}/health", trust_env=False)
    assert response.status_code == 200


# ---- the page -------------------------------------------------------------------------------------------


def test_the_page_and_all_that_it_names_are_served_under_a_strict_policy(running: Running) -> None:
    page = get(running, "/")
    named = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert {"studio.css", "built/studio.js"} <= set(named)
    for path in ["", *named, "built/synth.js", "built/ticker.js", "band.sf3"]:
        response = get(running, f"/{path}")
        assert response.status_code == 200
        assert "default-src 'self'" in response.headers["content-security-policy"]
        assert "'unsafe" not in response.headers["content-security-policy"]
        assert response.headers["x-content-type-options"] == "nosniff"


def test_the_page_names_no_other_machine_and_has_nothing_inline() -> None:
    for name in ("index.html", "studio.css"):
        text = (PAGE / name).read_text()
        assert not re.search(r"https?://|//[a-z]+\.", text), name
        assert "<script>" not in text
        assert " style=" not in text
        assert not re.search(r"\son[a-z]+=", text), name


def test_nothing_outside_the_page_is_served(running: Running) -> None:
    for path in ("/../settings.py", "/%2e%2e/settings.py", "/built/", "/docs", "/redoc"):
        assert get(running, path).status_code == 404


# ---- watching -------------------------------------------------------------------------------------------


async def test_what_was_played_can_be_had_as_a_midi_file_while_it_plays_and_afterwards(running: Running) -> None:
    async with LiveClient(f"ws://127.0.0.1:{running.port}/v1/live", tick=lambda: Tick(600)) as live:
        await live.start(mode="answer")
        await live.note(0, 60, 90)
        await live.note(333, 60, 0)
        async with asyncio.timeout(PATIENCE_S):
            while b"\x90" not in (content := await live.recording()):  # the engine's thread has not heard it yet
                await asyncio.sleep(0.01)
        name = live.welcome.session if live.welcome else ""
    score = read_midi(content)
    assert [(note.onset, note.pitch, note.duration) for note in score.notes] == [(0, 60, 333)]
    assert [part.name for part in score.parts] == ["Human 1"]
    assert get(running, f"/v1/sessions/{name}.mid").content == content
    assert get(running, "/v1/sessions/nobody.mid").status_code == 404


async def test_a_watcher_sees_the_notes_of_both_and_who_comes_and_goes(running: Running) -> None:
    async with running.connected("/v1/watch", subprotocols=None) as watcher:
        async with running.playing(mode="duet", bpm=99) as player:
            began = await watched(watcher, "began")
            assert began["start"]["bpm"] == 99
            await say(player, type="note", tick=5, pitch=61, velocity=80)
            note = await watched(watcher, "note")
            assert (note["session"], note["note"]["pitch"]) == (began["session"], 61)
            plan = await watched(watcher, "plan")
            assert plan["session"] == began["session"]
            assert set(plan["plan"]) >= {"add", "commit", "cancel", "silence"}
        ended = await watched(watcher, "ended")
        assert ended["session"] == began["session"]


async def test_the_notes_of_who_joined_are_seen_where_they_are_played(running: Running) -> None:
    async with running.connected("/v1/watch", subprotocols=None) as watcher, running.playing(mode="duet"):
        host = (await watched(watcher, "began"))["session"]
        async with running.connected() as guest:
            await say(guest, type="hello")
            await say(guest, type="join", session=host, player={"part": 15})
            await say(guest, type="note", tick=5, part=15, pitch=61, velocity=80)
            note = await watched(watcher, "note")
    assert (note["session"], note["note"]["part"]) == (host, 15)


async def test_a_watcher_who_comes_late_is_told_who_plays(running: Running) -> None:
    async with running.playing(bpm=77) as player:
        await say(player, type="heartbeat", tick=480)
        await player.recv()
        async with running.connected("/v1/watch", subprotocols=None) as watcher:
            began = await watched(watcher, "began")
            assert began["start"]["bpm"] == 77
            status = await watched(watcher, "status")
            assert (status["model"], status["sessions"], status["max_sessions"]) == ("fake", 1, 4)
            assert status["ticks"][began["session"]] >= 480


async def test_what_a_watcher_says_is_ignored(running: Running) -> None:
    async with running.connected("/v1/watch", subprotocols=None) as watcher:
        for frame in ("{", b"\xff", json.dumps({"type": "start"})):
            await watcher.send(frame)
        await watched(watcher, "status")
    assert running.stage.host.status().sessions == 0


async def test_watchers_have_a_limit_of_their_own() -> None:
    with run_server(max_watchers=1) as running:
        async with running.connected("/v1/watch") as first, running.connected("/v1/watch") as second:
            assert await close_code(second) == 1013
            await watched(first, "status")
