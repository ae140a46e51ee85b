"""The typed client, against a server that speaks the messages."""

import asyncio
import socket
from http import HTTPStatus

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from clients.live import LiveClient
from music.errors import TradefoursError
from music.time import Tick
from streaming.messages import (
    HEARTBEAT_S,
    Control,
    ErrorMessage,
    Hello,
    Plan,
    PlannedNote,
    PlayedNote,
    ServerBye,
    ServerHeartbeat,
    ServerMessage,
    Transport,
)
from tests.clients.fake_server import FakeServer, serving

NOTE = PlannedNote(id=1, tick=480, duration=240, part=1, pitch=64, velocity=80)


def answer(note: PlayedNote) -> ServerMessage | None:
    return Plan(add=(NOTE,), commit=(1,), answers_seq=note.seq) if note.velocity else None


async def test_a_note_is_answered_with_a_plan() -> None:
    server = FakeServer(answer)
    async with serving(server.handle) as url, LiveClient(url, client="test 1") as live:
        await live.start(mode="duet", bpm=100)
        seq = await live.note(tick=0, pitch=60, velocity=90)
        plan = await anext(message async for message in live if isinstance(message, Plan))
        assert plan.add == (NOTE,)
        assert plan.answers_seq == seq
    assert isinstance(server.heard[0], Hello)
    assert server.heard[0].client == "test 1"
    assert server.starts()[0].bpm == 100


async def test_every_message_counts_up_from_zero() -> None:
    server = FakeServer()
    async with serving(server.handle) as url, LiveClient(url) as live:
        await live.start()
        await live.note(0, 60, 90)
        await live.control(temperature=0.5)
        await live.stop(480)
        await server.until(lambda: any(isinstance(message, Transport) for message in server.heard))
    assert [message.seq for message in server.heard] == list(range(len(server.heard)))
    assert any(isinstance(message, Control) and message.temperature == 0.5 for message in server.heard)


async def test_heartbeats_tell_the_tick_and_measure_the_round_trip() -> None:
    server = FakeServer()
    async with serving(server.handle) as url, LiveClient(url, tick=lambda: Tick(77)) as live:
        beat = await anext(message async for message in live if isinstance(message, ServerHeartbeat))
        assert beat.tick == 77
        assert live.round_trip.summary_ms()["count"] >= 1
        assert 0 < live.round_trip.summary_ms()["p95_ms"] < 1_000


async def test_leaving_says_goodbye() -> None:
    server = FakeServer()
    async with serving(server.handle) as url:
        async with LiveClient(url):
            pass
        await server.until(server.left)


async def test_a_server_that_says_goodbye_ends_the_messages() -> None:
    server = FakeServer(lambda note: ServerBye(reason="closing time"))
    async with serving(server.handle) as url, LiveClient(url) as live:
        await live.note(0, 60, 90)
        messages = [message async for message in live]
    assert isinstance(messages[-1], ServerBye)


async def test_a_lost_connection_is_said_in_one_sentence() -> None:
    server = FakeServer()
    async with serving(server.handle) as url, LiveClient(url) as live:
        await server.until(lambda: len(server.heard) >= 2)
        server.cut()
        with pytest.raises(TradefoursError, match=r"expected .* to stay"):
            _ = [message async for message in live]


async def test_a_silent_server_is_noticed_within_a_second() -> None:
    server = FakeServer()
    server.beats = False
    loop = asyncio.get_running_loop()
    async with serving(server.handle) as url, LiveClient(url) as live:
        began = loop.time()
        with pytest.raises(TradefoursError, match="got silence"):
            await anext(aiter(live))
        assert 0.5 <= loop.time() - began < 1.5


async def test_no_server_is_said_in_one_sentence() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound, not listening: nobody else can answer there
        with pytest.raises(TradefoursError, match="expected a server at ws:"):
            await LiveClient(f"ws://127.0.0.1:{held.getsockname()[1]}/v1/live").__aenter__()


async def test_an_address_that_is_none_is_said_in_one_sentence() -> None:
    with pytest.raises(TradefoursError, match="expected an address such as ws://"):
        await LiveClient("http://127.0.0.1/v1/live").__aenter__()


async def test_a_server_that_refuses_is_said_with_its_status() -> None:
    def refuse(socket: ServerConnection, request: Request) -> Response:
        return socket.respond(HTTPStatus.SERVICE_UNAVAILABLE, "full\n")

    async with serve(FakeServer().handle, "127.0.0.1", 0, process_request=refuse) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        with pytest.raises(TradefoursError, match="got HTTP status 503"):
            await LiveClient(f"ws://127.0.0.1:{port}/v1/live").__aenter__()


async def test_a_server_of_another_language_is_refused() -> None:
    async with serving(FakeServer().handle, subprotocol="tradefours.v9+json") as url:
        with pytest.raises(TradefoursError, match="got HTTP status 400"):
            await LiveClient(url).__aenter__()


async def test_a_server_without_any_subprotocol_is_refused() -> None:
    async with serve(FakeServer().handle, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        with pytest.raises(TradefoursError, match="got none"):
            await LiveClient(f"ws://127.0.0.1:{port}/v1/live").__aenter__()


async def test_an_error_instead_of_a_welcome_is_passed_on() -> None:
    async def full(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(ErrorMessage(code="full", reason="all seats are taken", fatal=True).model_dump_json())
        await socket.wait_closed()

    async with serving(full) as url:
        with pytest.raises(TradefoursError, match="all seats are taken"):
            await LiveClient(url).__aenter__()


async def test_what_only_a_newer_server_says_is_ignored_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    note = NOTE.model_dump_json().replace("{", '{"colour": "red", ')
    plan = '{"type": "plan", "seq": 3, "add": [' + note + "]}"
    server = FakeServer()
    async with serving(server.handle) as url, LiveClient(url) as live:
        for text in ('{"type": "lyrics", "word": "la"}', '{"type": "lyrics", "word": "li"}', plan):
            await server.say_text(text)
        assert await anext(message async for message in live if isinstance(message, Plan)) == Plan(seq=3, add=(NOTE,))
    told = [record.getMessage().partition(" sends ")[2] for record in caplog.records if record.name == "clients.live"]
    assert told == ["messages of an unknown type, lyrics: ignored"]


@pytest.mark.parametrize("text", ["no json", "[]", "{}", '{"type": "bye", "seq": "x"}', '{"type": "plan", "add": 7}'])
async def test_a_message_without_sense_is_said_in_one_sentence(text: str) -> None:
    server = FakeServer()
    async with serving(server.handle) as url, LiveClient(url) as live:
        await server.say_text(text)
        with pytest.raises(TradefoursError, match=r"^expected a message of tradefours\.v1\+json, got: [^\n]*$"):
            _ = [message async for message in live]


async def test_the_clock_can_be_told_at_once() -> None:
    server = FakeServer()
    async with serving(server.handle) as url, LiveClient(url, tick=lambda: Tick(5)) as live:
        await server.until(lambda: server.ticks() == [5])
        await live.beat()
        await server.until(lambda: server.ticks() == [5, 5], timeout_s=0.8 * HEARTBEAT_S)


async def test_small_messages_leave_at_once() -> None:
    """TCP_NODELAY: Nagle's algorithm would hold a note back until the one before is acknowledged."""
    server = FakeServer()
    async with serving(server.handle) as url, LiveClient(url) as live:
        assert live._socket is not None
        tcp = live._socket.transport.get_extra_info("socket")
        assert tcp.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
