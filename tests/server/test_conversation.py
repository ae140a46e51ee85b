"""A lost connection is no lost session where the client asked for patience; and a session may have several players."""

import asyncio
import threading
from typing import Any, cast

import pytest

from clients.live import LiveClient
from model.tokens.vocabulary import PITCH
from music.time import Tick
from server.conversation import Conversation
from server.outbox import Outbox
from server.wire_guard import GuardedWebSocket
from streaming.messages import ErrorMessage, Plan, PlayerPart, Tokens, server_message
from streaming.token_stream import TokenStream
from streaming.wire import JSON_WIRE, MSGPACK_WIRE
from tests.server.running import PATIENCE_S, Running, run_server
from tests.server.test_connection import until


async def next_plan(live: LiveClient) -> Plan:
    async with asyncio.timeout(PATIENCE_S):
        async for message in live:
            if isinstance(message, Plan):
                return message
    raise AssertionError("the server said bye")


async def next_error(live: LiveClient) -> ErrorMessage:
    async with asyncio.timeout(PATIENCE_S):
        async for message in live:
            if isinstance(message, ErrorMessage):
                return message
    raise AssertionError("the server said bye")


def cut(live: LiveClient) -> None:
    """The network is gone, without a word."""
    assert live._socket is not None
    live._socket.transport.abort()


async def cut_and_noticed(running: Running, live: LiveClient) -> Conversation:
    """Gone, and its server knows. Returns what waits for it."""
    (talk,) = running.stage.conversations.values()
    cut(live)
    async with asyncio.timeout(PATIENCE_S):
        while talk.outbox is not None:
            await asyncio.sleep(0.01)
    return talk


def client(running: Running, **options: object) -> LiveClient:
    return LiveClient(f"ws://127.0.0.1:{running.port}/v1/live", tick=lambda: Tick(10), **options)  # type: ignore[arg-type]


async def test_after_a_cut_the_session_goes_on_and_no_message_is_missed_or_doubled(running: Running) -> None:
    async with client(running, keep_s=30) as first:
        await first.start(mode="duet")
        await first.note(0, 60, 90)
        await next_plan(first)
        heard = first._last_seq
        cut(first)
        async with client(running, resume=first, keep_s=30) as second:
            assert second.welcome is not None
            assert second.welcome.resumed
            assert second.welcome.session == first.welcome.session  # type: ignore[union-attr]
            assert running.stage.host.status().sessions == 1
            seq = await second.note(10, 62, 90)
            seqs: list[int] = []
            async with asyncio.timeout(PATIENCE_S):
                async for message in second:
                    seqs.append(message.seq)
                    if isinstance(message, Plan) and message.answers_seq == seq:
                        break
            assert seqs == list(range(heard + 1, heard + 1 + len(seqs)))
    await until(running, 0)


async def test_a_cut_that_a_failing_send_notices_before_the_read_is_a_cut(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    send, receive, has_failed = GuardedWebSocket.send, GuardedWebSocket.receive, threading.Event()

    async def sent(socket: GuardedWebSocket, message: Any) -> None:
        try:
            await send(socket, message)
        except OSError:
            has_failed.set()
            raise

    async def received_late(socket: GuardedWebSocket) -> Any:
        message = await receive(socket)
        if message["type"] == "websocket.disconnect":
            while not has_failed.is_set():
                await asyncio.sleep(0.001)
            await asyncio.sleep(0.05)
        return message

    monkeypatch.setattr(GuardedWebSocket, "send", sent)
    monkeypatch.setattr(GuardedWebSocket, "receive", received_late)
    async with client(running, keep_s=30) as first:
        await first.start(mode="duet")
        await until(running, 1)
        (talk,) = running.stage.conversations.values()
        cut(first)
        while not has_failed.is_set():
            talk._loop.call_soon_threadsafe(talk.send, ErrorMessage(code="bad_part", reason="expected a listener"))
            await asyncio.sleep(0.01)
        async with asyncio.timeout(PATIENCE_S):
            while talk.outbox is not None:
                await asyncio.sleep(0.01)
        async with client(running, resume=first, keep_s=30) as second:
            assert second.welcome is not None
            assert second.welcome.resumed
            assert (await next_error(second)).reason == "expected a listener"


async def test_what_was_said_while_nobody_listened_comes_first(running: Running) -> None:
    async with client(running, keep_s=30) as first:
        await first.start(mode="duet")
        await until(running, 1)
        talk = await cut_and_noticed(running, first)
        talk._loop.call_soon_threadsafe(
            talk.send, ErrorMessage(code="bad_part", reason="expected a listener, got none")
        )
        async with client(running, resume=first, keep_s=30) as second:
            assert (await next_error(second)).reason == "expected a listener, got none"


async def test_without_patience_a_session_ends_with_its_connection_and_cannot_go_on(running: Running) -> None:
    async with client(running) as first:
        await first.start(mode="duet")
        await until(running, 1)
        cut(first)
        await until(running, 0)
        async with client(running, resume=first) as second:
            assert second.welcome is not None
            assert not second.welcome.resumed


async def test_patience_has_an_end(running: Running) -> None:
    async with client(running, keep_s=0.05) as first:
        await first.start(mode="duet")
        await until(running, 1)
        cut(first)
        await until(running, 0)


async def test_in_a_full_house_a_session_that_only_waits_makes_room() -> None:
    with run_server(max_sessions=1) as running:
        async with client(running, keep_s=60) as first:
            await first.start(mode="duet")
            await until(running, 1)
            await cut_and_noticed(running, first)
            async with client(running) as second:
                await second.start(mode="duet")
                seq = await second.note(10, 62, 90)
                assert (await next_plan(second)).answers_seq == seq
                async with client(running) as third:
                    await third.start(mode="duet")
                    assert (await next_error(third)).code == "full"


async def test_a_bye_ends_a_session_at_once(running: Running) -> None:
    async with client(running, keep_s=60) as live:
        await live.start(mode="duet")
        await until(running, 1)
    await until(running, 0)


async def test_a_session_that_begins_anew_was_replaced_and_has_not_failed(running: Running) -> None:
    async with client(running) as live:
        for _ in range(2):
            await live.start(mode="duet")
        seq = await live.note(0, 60, 90)
        assert (await next_plan(live)).answers_seq == seq
        ended = running.stage.diary.ended
        assert (ended["replaced"], ended["failed"]) == (1, 0)


async def test_a_second_player_joins_hears_the_plans_and_is_heard(running: Running) -> None:
    async with client(running) as host, client(running) as guest:
        await host.start(mode="duet")
        await host.note(0, 60, 90)
        await next_plan(host)
        assert host.welcome is not None
        await guest.join(host.welcome.session, PlayerPart(part=7))
        seq = await guest.note(20, 64, 90, part=7)
        assert (await next_plan(guest)).answers_seq == seq
        await next_plan(host)
        assert running.stage.host.status().sessions == 1


async def test_who_cannot_join_is_told_why(running: Running) -> None:
    async with client(running) as host, client(running) as guest:
        await guest.join("nobody", PlayerPart(part=7))
        assert (await next_error(guest)).code == "no_session"
        await host.start(mode="duet")
        await until(running, 1)
        assert host.welcome is not None
        await guest.join(host.welcome.session, PlayerPart(part=1))
        assert (await next_error(guest)).code == "bad_setting"


async def test_a_guest_who_leaves_ends_nothing_and_a_host_who_leaves_ends_all(running: Running) -> None:
    async with client(running) as guest:
        async with client(running) as host:
            await host.start(mode="duet")
            await until(running, 1)
            assert host.welcome is not None
            for part in (7, 8):
                async with client(running) as other:
                    await other.join(host.welcome.session, PlayerPart(part=part))
                    await other.note(0, 60, 90, part=part)
                    await next_plan(other)
            assert running.stage.host.status().sessions == 1
            await guest.join(host.welcome.session, PlayerPart(part=9))
            await guest.note(0, 60, 90, part=9)
            await next_plan(guest)
        assert (await next_error(guest)).code == "session_over"
    await until(running, 0)


async def test_a_conversation_in_msgpack_is_the_same(running: Running) -> None:
    async with client(running, wire=MSGPACK_WIRE, keep_s=30) as live:
        await live.start(mode="duet")
        seq = await live.note(0, 60, 90)
        assert (await next_plan(live)).answers_seq == seq


async def test_frames_of_the_wrong_kind_or_without_sense_are_answered(running: Running) -> None:
    async with client(running, wire=MSGPACK_WIRE) as live:
        assert live._socket is not None
        for frame, code in (("{}", "text"), (b"\xc1", "bad_msgpack"), (b"\x80", "bad_type"), (b"\x01", "bad_message")):
            await live._socket.send(frame)
            assert (await next_error(live)).code == code


async def test_who_asks_for_tokens_reads_what_the_network_reads(running: Running) -> None:
    stream = TokenStream()
    async with client(running) as live:
        await live.start(mode="duet", tokens=True)
        seq = await live.note(0, 60, 90)
        async with asyncio.timeout(PATIENCE_S):
            async for message in live:
                if isinstance(message, Tokens):
                    stream.follow(message)
                if isinstance(message, Plan) and message.add and (message.answers_seq or 0) >= seq:
                    planned = {note.pitch for note in message.add}
                    break
        said = {token - PITCH.start for token in stream.tokens if token in PITCH}
        assert said >= planned | {60}, "the tokens of a note come before its plan"


async def test_who_does_not_ask_for_tokens_gets_none(running: Running) -> None:
    async with client(running) as live:
        await live.start(mode="duet")
        await live.note(0, 60, 90)
        async with asyncio.timeout(PATIENCE_S):
            async for message in live:
                assert not isinstance(message, Tokens)
                if isinstance(message, Plan) and message.add:
                    break


async def test_one_client_plays_several_parts_and_nobody_plays_anothers(running: Running) -> None:
    async with client(running) as host, client(running) as guest:
        await host.start(mode="duet", human=[PlayerPart(part=0), PlayerPart(part=3, program=40)])
        for part in (0, 3):
            seq = await host.note(0, 60, 90, part=part)
            while ((await next_plan(host)).answers_seq or 0) < seq:
                pass
        assert host.welcome is not None
        await guest.join(host.welcome.session, PlayerPart(part=7))
        await guest.join(host.welcome.session, PlayerPart(part=8))
        for part in (7, 8):
            await guest.note(20, 64, 90, part=part)
            await next_plan(guest)
        await guest.note(30, 64, 90, part=3)
        assert (await next_error(guest)).reason == "expected a part of yours among [7, 8], got 3"
        await host.note(30, 64, 90, part=7)
        assert (await next_error(host)).code == "bad_part"


async def test_a_guest_who_was_cut_off_may_join_again(running: Running) -> None:
    async with client(running) as host:
        await host.start(mode="duet")
        await host.note(0, 60, 90)
        await next_plan(host)
        assert host.welcome is not None
        for _ in range(2):
            async with client(running) as guest:
                await guest.join(host.welcome.session, PlayerPart(part=7))
                seq = await guest.note(20, 64, 90, part=7)
                assert (await next_plan(guest)).answers_seq == seq
        async with client(running) as other:
            await other.join(host.welcome.session, PlayerPart(part=7, program=11))
            assert (await next_error(other)).code == "bad_setting", "the part has another sound"


async def test_tokens_wait_for_a_client_that_is_behind_and_come_as_one(running: Running) -> None:
    told: list[Any] = []
    talk = Conversation(running.stage, JSON_WIRE, told.append, "a test")
    talk.seat = cast(Any, object())
    outbox = talk.outbox = Outbox(cast(Any, None), 8)  # nobody sends
    for i in range(100):
        talk._on_emitted(0, Tokens(position=i, tokens=(i,)))
    assert len(outbox._waiting) == 4, "half of it: plans and heartbeats have the other"
    assert not outbox.ended.is_set()
    outbox._waiting.clear()
    talk.tell_tokens()
    message = server_message.validate_json(outbox._waiting.pop())
    assert isinstance(message, Tokens)
    assert (message.position, message.tokens, message.merged) == (4, tuple(range(4, 100)), 95)
