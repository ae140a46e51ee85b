"""`/v1/live` over a real socket: the conversation, every kind of nonsense, and every way to leave."""

import asyncio
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus

from clients.live import tradefours_version
from streaming.messages import SUBPROTOCOL, ErrorMessage, server_message
from tests.server.running import PATIENCE_S, Running, heard, run_server, say


async def close_code(socket: ClientConnection) -> int | None:
    """Read until the server closes; the code it closed with, 1006 where it vanished without a word."""
    async with asyncio.timeout(PATIENCE_S):
        with suppress(ConnectionClosed):
            while True:
                await socket.recv()
    return socket.close_code


async def until(running: Running, sessions: int) -> None:
    """Until the host has so many sessions."""
    async with asyncio.timeout(PATIENCE_S):
        while running.stage.host.status().sessions != sessions:
            await asyncio.sleep(0.01)


# ---- the conversation -----------------------------------------------------------------------------------


async def test_a_duet_from_hello_to_bye(running: Running) -> None:
    async with running.connected() as socket:
        assert socket.subprotocol == SUBPROTOCOL
        await say(socket, type="hello", client="test 1.0")
        welcome = await heard(socket, "welcome")
        assert (welcome.seq, welcome.server, welcome.model) == (0, tradefours_version(), "fake")
        await say(socket, type="start", seq=1, mode="duet")
        await say(socket, type="note", seq=2, tick=0, pitch=60, velocity=80)
        plan = await heard(socket, "plan")
        assert plan.answers_seq == 2
        await say(socket, type="bye", seq=3)
        assert await close_code(socket) == 1000
    await until(running, 0)


async def test_a_heartbeat_is_answered_before_and_after_the_start(running: Running) -> None:
    async with running.connected() as socket:
        await say(socket, type="hello")
        await say(socket, type="heartbeat", ping_ns=11)
        beat = await heard(socket, "heartbeat")
        assert (beat.tick, beat.ping_ns) == (None, 11)
        await say(socket, type="start")
        await say(socket, type="heartbeat", ping_ns=12, tick=100)
        beat = await heard(socket, "heartbeat")
        assert beat.tick >= 100
        assert beat.ping_ns == 12


async def test_the_servers_messages_are_counted_without_a_gap(running: Running) -> None:
    async with running.playing(mode="duet") as socket:
        for tick in range(0, 400, 100):
            await say(socket, type="note", tick=tick, pitch=60 + tick // 100, velocity=80)
            await say(socket, type="heartbeat", tick=tick)
        seqs = [server_message.validate_json(await socket.recv()).seq for _ in range(6)]
        assert seqs == list(range(1, 7))  # 0 was the welcome


async def test_a_second_start_begins_anew_in_the_same_place(running: Running) -> None:
    async with running.playing(mode="duet") as socket:
        await say(socket, type="note", tick=0, pitch=60, velocity=80)
        await heard(socket, "plan")
        await say(socket, type="start", mode="duet", bpm=90)
        await say(socket, type="heartbeat")
        beat = await heard(socket, "heartbeat")
        assert beat.tick is None
        assert running.stage.host.status().sessions == 1


async def test_a_start_that_makes_no_sense_leaves_the_session_as_it_was(running: Running) -> None:
    async with running.playing() as socket:
        await say(socket, type="heartbeat", tick=100)
        await heard(socket, "heartbeat")
        await say(socket, type="start", meter="4/5")
        error = await heard(socket, "error")
        assert (error.code, error.fatal) == ("bad_setting", False)
        await say(socket, type="heartbeat", tick=100)
        assert (await heard(socket, "heartbeat")).tick >= 100


# ---- who comes in ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("offered", [None, ["tradefours.v9+json"], ["chat", "binary"]])
async def test_a_client_that_does_not_speak_the_protocol_is_told_which_one(running: Running, offered: Any) -> None:
    with pytest.raises(InvalidStatus) as refusal:
        async with running.connected(subprotocols=offered):
            pass
    assert refusal.value.response.status_code == 400
    assert SUBPROTOCOL in refusal.value.response.body.decode()


@pytest.mark.parametrize("path", ["/v1/live", "/v1/watch"])
@pytest.mark.parametrize("origin", ["https://evil.example", "http://127.0.0.1:1", "null"])
async def test_a_page_of_another_site_is_refused(running: Running, path: str, origin: str) -> None:
    with pytest.raises(InvalidStatus) as refusal:
        async with running.connected(path, origin=origin):
            pass
    assert refusal.value.response.status_code == 403


async def test_our_own_page_may_connect(running: Running) -> None:
    async with running.connected(origin=running.http) as socket:
        await say(socket, type="hello")
        await heard(socket, "welcome")


async def test_one_player_too_many_is_refused_with_1013_and_the_others_play_on() -> None:
    with run_server(max_sessions=1) as running:
        async with running.playing(mode="duet") as first, running.playing() as second:
            error = await heard(second, "error")
            assert (error.code, error.fatal) == ("full", True)
            assert await close_code(second) == 1013
            await say(first, type="note", tick=0, pitch=60, velocity=80)
            await heard(first, "plan")


async def test_a_place_is_free_again_when_its_player_leaves() -> None:
    with run_server(max_sessions=1) as running:
        async with running.playing():
            await until(running, 1)
        await until(running, 0)
        async with running.playing(mode="duet") as socket:
            await say(socket, type="note", tick=0, pitch=60, velocity=80)
            await heard(socket, "plan")


# ---- nonsense -------------------------------------------------------------------------------------------

NONSENSE: list[tuple[str | bytes, str]] = [
    ("", "bad_json"),
    ("{", "bad_json"),
    ("[" * 60_000, "bad_json"),
    ('{"type": "hello", "client": "\\ud800"}', "bad_json"),
    ("[]", "bad_message"),
    ("null", "bad_message"),
    ("17", "bad_message"),
    ("{}", "bad_type"),
    ('{"type": "dance"}', "bad_type"),
    ('{"type": ["note"]}', "bad_type"),
    ('{"type": "note", "pitch": 60}', "bad_message"),
    ('{"type": "note", "tick": 0, "pitch": 128}', "bad_message"),
    ('{"type": "note", "tick": 0, "pitch": "60"}', "bad_message"),
    ('{"type": "note", "tick": 0.5, "pitch": 60}', "bad_message"),
    ('{"type": "note", "tick": NaN, "pitch": 60}', "bad_message"),
    ('{"type": "note", "tick": 0, "pitch": 60, "loud": true}', "bad_message"),
    ('{"type": "note", "tick": 0, "pitch": 60, "part": 9}', "bad_part"),
    ('{"type": "note", "tick": 1000000, "pitch": 60}', "bad_tick"),
    ('{"type": "heartbeat", "tick": 1000000}', "bad_tick"),
    ('{"type": "control", "temperature": NaN}', "bad_message"),
    ('{"type": "control", "temperature": 1e999}', "bad_message"),
    ('{"type": "control", "mode": "solo"}', "bad_message"),
    ('{"type": "start", "human": []}', "bad_message"),
    ('{"type": "start", "meter": "seven"}', "bad_setting"),
    (f'{{"type": "heartbeat", "ping_ns": {"9" * 6000}}}', "bad_json"),
    (b"\x00\x01", "binary"),
    (b'{"type": "bye"}', "binary"),
]


async def test_nonsense_is_answered_in_one_sentence_and_the_music_goes_on(running: Running) -> None:
    async with running.playing(mode="duet") as socket:
        await say(socket, type="heartbeat", tick=0)
        for frame, code in NONSENSE:
            await socket.send(frame)
            error: ErrorMessage = await heard(socket, "error")
            assert (error.code, error.fatal) == (code, False), frame
            assert error.reason.startswith("expected ")
            assert ", got " in error.reason
        await say(socket, type="note", tick=0, pitch=60, velocity=80)
        await heard(socket, "plan")


@pytest.mark.parametrize(
    "message",
    [
        {"type": "note", "tick": 0, "pitch": 60, "velocity": 1},
        {"type": "control", "temperature": 1.0},
        {"type": "transport", "action": "stop", "tick": 0},
    ],
)
async def test_what_comes_before_start_is_refused(running: Running, message: dict[str, Any]) -> None:
    async with running.connected() as socket:
        await say(socket, **message)
        assert (await heard(socket, "error")).code == "no_hello"
        await say(socket, type="hello")
        await say(socket, **message)
        assert (await heard(socket, "error")).code == "not_started"


async def test_a_message_over_64_kib_is_closed_with_1009(running: Running) -> None:
    async with running.playing() as socket:
        await socket.send(json.dumps({"type": "hello", "client": "x" * 70_000}))
        assert await close_code(socket) == 1009
    await until(running, 0)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
near_messages = st.fixed_dictionaries(
    {"type": st.sampled_from(["hello", "start", "note", "control", "transport", "heartbeat"])},
    optional={
        name: json_values | st.integers(-1, 200)
        for name in ("seq", "tick", "pitch", "velocity", "part", "bpm", "meter", "human", "mode", "action", "ping_ns")
    },
)
frames = (
    st.text().map(lambda text: text.encode("utf-8", "replace").decode()) | near_messages.map(json.dumps) | st.binary()
)


@pytest.fixture(scope="module")
def shared() -> Any:
    with run_server() as server:
        yield server


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.lists(frames, max_size=12))
def test_no_frames_whatever_end_a_connection_without_a_word(shared: Running, frames: list[str | bytes]) -> None:
    async def talk() -> None:
        async with shared.playing() as socket:
            for frame in frames:
                await socket.send(frame)
            await say(socket, type="heartbeat", ping_ns=987654321)
            while (await heard(socket, "heartbeat")).ping_ns != 987654321:
                pass

    asyncio.run(talk())


# ---- ways to leave --------------------------------------------------------------------------------------


async def test_a_client_that_does_not_say_hello_is_closed_with_4408() -> None:
    with run_server(hello_timeout_s=0.1) as running:
        async with running.connected() as socket:
            error = await heard(socket, "error")
            assert (error.code, error.fatal) == ("silence", True)
            assert await close_code(socket) == 4408


async def test_a_client_that_falls_silent_is_closed_and_its_memory_freed() -> None:
    with run_server(silence_timeout_s=0.2) as running:
        async with running.playing(mode="duet") as socket:
            await say(socket, type="note", tick=0, pitch=60, velocity=80)
            assert await close_code(socket) == 4408
        await until(running, 0)
    assert [sequence.is_closed for sequence in running.engine.sequences] == [True]


async def test_a_client_that_is_cut_off_leaves_no_session_behind(running: Running) -> None:
    async with running.playing() as socket:
        await until(running, 1)
        socket.transport.abort()
        await until(running, 0)


async def test_a_client_that_was_silent_goes_on_from_what_it_heard_last() -> None:
    with run_server(silence_timeout_s=0.2) as running:
        async with running.connected() as sleeper:
            await say(sleeper, type="hello", client="test", keep_s=30)
            token = (await heard(sleeper, "welcome")).resume
            await say(sleeper, type="start", seq=1, mode="answer")
            last = (await heard(sleeper, "error")).seq
        async with running.connected() as again:
            await say(again, type="hello", client="test", keep_s=30, resume=token, last_seq=last)
            assert (await heard(again, "welcome")).resumed


async def test_a_client_that_does_not_read_is_closed_with_4008_and_the_others_play_on() -> None:
    with run_server(outbox_messages=64, messages_per_s=100_000, silence_timeout_s=60) as running:
        async with running.playing() as deaf, running.playing(mode="duet") as other:
            deaf.transport.pause_reading()
            await until(running, 2)
            async with asyncio.timeout(PATIENCE_S):
                while running.stage.host.status().sessions == 2:
                    await deaf.send("nonsense, each answered with an error")
            await say(other, type="note", tick=0, pitch=60, velocity=80)
            await heard(other, "plan")
            deaf.transport.resume_reading()
            assert await close_code(deaf) == 4008


async def test_a_failing_engine_says_so_before_it_closes(running: Running) -> None:
    async with running.playing(mode="duet") as socket:
        running.engine.breaks = True
        await say(socket, type="note", tick=0, pitch=60, velocity=80)
        error = await heard(socket, "error")
        assert (error.code, error.fatal) == ("engine_failed", True)
        assert await close_code(socket) == 1011
    with pytest.raises(InvalidStatus) as refusal:
        async with running.connected():
            pass
    assert refusal.value.response.status_code == 503
    assert "out of memory" in refusal.value.response.body.decode()
