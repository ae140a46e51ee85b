"""Hostile clients on raw sockets: heads that never end, pings whose answers nobody reads, messages in crumbs."""

import os
import socket
import struct
from collections.abc import Iterator

import pytest

from server.wire_guard import LARGEST_HEAD, MOST_HEADERS, MOST_PIECES
from streaming.messages import SUBPROTOCOL
from tests.server.running import PATIENCE_S, Running, run_server

UPGRADE = (
    "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    f"Sec-WebSocket-Protocol: {SUBPROTOCOL}\r\n\r\n"
)
TEXT, CONTINUATION, PING, CLOSE = 0x1, 0x0, 0x9, 0x8


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with run_server(hello_timeout_s=60) as running:
        yield running


def connected(server: Running) -> socket.socket:
    raw = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return raw


def upgraded(server: Running, path: str = "/v1/watch") -> socket.socket:
    raw = connected(server)
    raw.sendall(UPGRADE.format(path=path).encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += raw.recv(1)
    assert answer.startswith(b"HTTP/1.1 101 ")
    return raw


def frame(opcode: int, payload: bytes = b"", *, is_last: bool = True) -> bytes:
    """As a client sends it: masked, if only by zeros."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else struct.pack("!BH", 0x80 | 126, size)
    return bytes([is_last << 7 | opcode]) + length + bytes(4) + payload


def is_cut(raw: socket.socket) -> bool:
    """Whether the server ends the connection, politely or not."""
    try:
        while raw.recv(65536):
            pass
    except ConnectionError:
        pass
    return True


def closed_with(raw: socket.socket) -> int:
    """The code of the close frame, which is the last that comes."""
    received = b""
    while chunk := raw.recv(65536):
        received += chunk
    at = received.rindex(bytes([0x80 | CLOSE]))
    return int.from_bytes(received[at + 2 : at + 4])


def is_well(server: Running) -> bool:
    with connected(server) as raw:
        raw.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        return raw.recv(100).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("said", [b"", b"GET / HT", b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX: "])
def test_a_head_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, said: bytes) -> None:
    monkeypatch.setattr("server.wire_guard.HEAD_S", 0.1)
    with run_server() as running, connected(running) as raw:
        raw.sendall(said)
        assert is_cut(raw)
        assert is_well(running)


def test_a_second_head_is_waited_for_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.wire_guard.HEAD_S", 0.2)
    with run_server() as running, connected(running) as raw:
        raw.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert raw.recv(4096).startswith(b"HTTP/1.1 200 ")
        raw.sendall(b"GET /health HT")
        assert is_cut(raw)


def test_a_body_that_does_not_come_is_answered_with_408(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.rest.bodies.BODY_S", 0.1)
    head = b"POST /v1/generations HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: audio/midi\r\nContent-Length: 99\r\n\r\n"
    with run_server() as running, connected(running) as raw:
        raw.sendall(head + b"MThd")
        assert raw.recv(4096).startswith(b"HTTP/1.1 408 ")
        assert is_cut(raw)


def test_a_websocket_that_is_open_has_all_the_time_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.wire_guard.HEAD_S", 0.05)
    with run_server() as running, upgraded(running) as raw:
        for _ in range(3):  # a status every 250 ms
            assert raw.recv(65536)


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"a" * 2 * LARGEST_HEAD,
        b"GET / HTTP/1.1\r\nX: " + b"a" * 2 * LARGEST_HEAD,
        b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * (MOST_HEADERS + 9),
        b"POST /v1/generations HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
        + b"x: y\r\n" * (MOST_HEADERS + 9),
    ],
    ids=["address", "header", "headers", "trailers"],
)
def test_a_head_without_an_end_is_cut_off(server: Running, head: bytes) -> None:
    with connected(server) as raw:
        try:
            raw.sendall(head)
        except ConnectionError:
            return
        assert is_cut(raw)
    assert is_well(server)


def test_a_flood_of_pings_whose_answers_nobody_reads_is_closed_with_1008(server: Running) -> None:
    with upgraded(server) as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.sendall(frame(PING, b"x" * 125) * 1000)
        assert closed_with(raw) == 1008
    assert is_well(server)


@pytest.mark.parametrize("piece", [b"", b"x"])
def test_a_message_in_crumbs_is_closed_with_1009(server: Running, piece: bytes) -> None:
    with upgraded(server) as raw:
        raw.sendall(frame(TEXT, piece, is_last=False) + frame(CONTINUATION, piece, is_last=False) * (MOST_PIECES + 9))
        assert closed_with(raw) == 1009


def test_a_message_that_is_too_long_only_as_a_whole_is_closed_with_1009(server: Running) -> None:
    with upgraded(server) as raw:
        raw.sendall(frame(TEXT, b"x" * 60_000, is_last=False) + frame(CONTINUATION, b"x" * 10_000))
        assert closed_with(raw) == 1009


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frame(TEXT, b"\xff\xfe"), 1007),
        (bytes([0x81, 0x02]) + b"{}", 1002),  # not masked
        (bytes([0xF1, 0x80]) + bytes(4), 1002),  # bits that mean nothing
        (bytes([0x83, 0x80]) + bytes(4), 1002),  # a kind of frame that there is not
        (frame(PING, b"x", is_last=False), 1002),
        (frame(CONTINUATION, b"x"), 1002),
        (frame(CLOSE, struct.pack("!H", 999)), 1002),
        (b"\x81\xff" + b"\xff" * 8, 1009),  # as long as can be said
    ],
)
def test_frames_that_break_the_protocol_are_closed_with_a_word(server: Running, sent: bytes, code: int) -> None:
    with upgraded(server) as raw:
        raw.sendall(sent)
        assert closed_with(raw) in (code, 1002 if code == 1009 else code)


def test_bytes_that_are_no_http_are_refused(server: Running) -> None:
    for bad in (b"\x16\x03\x01" + os.urandom(200), b"hello?\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"):
        with connected(server) as raw:
            raw.sendall(bad)
            assert raw.recv(100).startswith(b"HTTP/1.1 4")
    assert is_well(server)
