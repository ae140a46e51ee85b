"""Frames that a client could send, right, wrong and between, by one seed; and a client that sends any bytes at all.

Knows the shape of WebSocket frames, which clients proper would never let one break.
"""

import asyncio
import json
import random
import struct
from collections.abc import Callable
from typing import Any, Final, Self

import msgpack

from streaming.messages import MSGPACK, SUBPROTOCOL

TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG = 0x1, 0x2, 0x0, 0x8, 0x9, 0xA
VANISHED: Final = 1006  # what a client says of a server that closed without a word

MESSAGES: Final[list[dict[str, Any]]] = [
    {"type": "hello", "client": "fuzz", "keep_s": 1, "resume": "", "last_seq": 0},
    {"type": "start", "mode": "duet", "bpm": 120, "meter": "4/4", "human": [{"part": 0}], "machine": [{"part": 1}]},
    {"type": "start", "mode": "trade", "key": "C major", "chords": "Am7 | D7 G7", "tokens": True, "count_in_bars": 1},
    {"type": "join", "session": "00000000", "player": {"part": 3}},
    {"type": "note", "tick": 0, "part": 0, "pitch": 60, "velocity": 80},
    {"type": "note", "tick": 240, "part": 0, "pitch": 60, "velocity": 0},
    {"type": "pedal", "tick": 10, "part": 0, "down": True},
    {"type": "transport", "action": "end", "tick": 480},
    {"type": "control", "density": 0.5, "key": "D minor", "freeze": True, "mute": [1]},
    {"type": "heartbeat", "tick": 100, "bpm": 90, "ping_ns": 5, "round_trip_ms": 3.5},
    {"type": "bye"},
]
VALUES: Final[list[Any]] = [
    *(None, True, False, 0, 1, -1, 15, 16, 127, 128, 480, 2**31, 2**40 - 1, 2**40, 2**63, -(2**63), 1e308, 0.5, -0.0),
    *("", "x", "\x00", "\ud800".encode("utf-8", "replace").decode(), "é" * 50, "follow", "4/4", "C major", "a" * 1001),
    *([], {}, [[]], {"part": 1}, [{"part": part} for part in range(16)], [1, 2, 3], {"type": "note"}),
]


def frame(opcode: int, payload: bytes, *, is_last: bool = True, mask: bytes = bytes(4)) -> bytes:
    """As a client sends it, masked."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else struct.pack("!BH", 0x80 | 126, size)
    masked = payload if mask == bytes(4) else bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
    return bytes([is_last << 7 | opcode]) + length + mask + masked


class Frames:
    """An endless stream of them."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)
        self._kinds: list[Callable[[], bytes]] = [self._message] * 10 + [self._changed] * 8 + [self._bent] * 4
        self._kinds += [self._noise, self._control, self._pieces] * 2 + [self._broken]

    def next(self) -> bytes:
        return self._dice.choice(self._kinds)()

    def __next__(self) -> bytes:
        return self.next()

    def _message(self) -> bytes:
        return self._sent(self._dice.choice(MESSAGES))

    def _changed(self) -> bytes:
        """One field or two are others."""
        message = dict(self._dice.choice(MESSAGES))
        for _ in range(self._dice.randint(1, 2)):
            name = self._dice.choice([*message, "seq", "tick", "part", "more"])
            message[name] = self._dice.choice(VALUES)
        return self._sent(message)

    def _sent(self, message: dict[str, Any]) -> bytes:
        if self._dice.random() < 0.5:
            return frame(TEXT, json.dumps(message).encode(), mask=self._dice.randbytes(4))
        try:
            return frame(BINARY, msgpack.packb(message))
        except (OverflowError, ValueError):  # what it cannot say
            return frame(BINARY, b"\xc1")

    def _bent(self) -> bytes:
        """A few bytes of a message are others, or gone."""
        raw = bytearray(json.dumps(self._dice.choice(MESSAGES)).encode())
        for _ in range(self._dice.randint(1, 4)):
            at = self._dice.randrange(len(raw))
            raw[at : at + self._dice.randint(0, 2)] = self._dice.randbytes(self._dice.randint(0, 2))
            raw = raw or bytearray(b"{")
        is_text = self._dice.random() < 0.7
        return frame(TEXT if is_text else BINARY, raw.decode(errors="replace").encode() if is_text else bytes(raw))

    def _noise(self) -> bytes:
        raw = self._dice.randbytes(self._dice.choice([0, 1, 2, 7, 125, 126, 1000]))
        if self._dice.random() < 0.5:
            return frame(BINARY, raw)
        return frame(TEXT, raw.decode("latin-1").encode() * self._dice.choice([1, 1, 1, 20]))

    def _control(self) -> bytes:
        opcode = self._dice.choice([PING, PONG])
        return frame(opcode, self._dice.randbytes(self._dice.randint(0, 125)))

    def _pieces(self) -> bytes:
        """A message in several frames, with others between."""
        raw = json.dumps(self._dice.choice(MESSAGES)).encode()
        cuts = sorted(self._dice.choices(range(len(raw) + 1), k=self._dice.randint(1, 5)))
        parts = [raw[a:b] for a, b in zip([0, *cuts], [*cuts, len(raw)], strict=True)]
        sent = frame(TEXT, parts[0], is_last=False)
        for part in parts[1:-1]:
            sent += frame(CONTINUATION, part, is_last=False) + (self._control() if self._dice.random() < 0.3 else b"")
        return sent + frame(CONTINUATION, parts[-1])

    def _broken(self) -> bytes:
        """What no WebSocket may say: it ends the connection, with a word."""
        dice = self._dice
        kinds: list[Callable[[], bytes]] = [
            lambda: frame(TEXT, b"\xff" + dice.randbytes(5)),  # no UTF-8
            lambda: frame(CONTINUATION, b"{}"),  # of nothing
            lambda: frame(dice.choice([3, 4, 7, 11, 15]), b""),
            lambda: frame(PING, b"", is_last=False),
            lambda: bytes([0x81, 2]) + b"{}",  # not masked
            lambda: bytes([0xC1 | dice.randrange(4) << 4, 0x80]) + bytes(4),
            lambda: b"\x81\xff" + dice.randbytes(8),
            lambda: frame(TEXT, b" " * 65_000, is_last=False) + frame(CONTINUATION, b" " * 1000),
            lambda: frame(CLOSE, struct.pack("!H", dice.choice([0, 999, 1005, 1015, 5000, 1000, 4000]))),
            lambda: frame(CLOSE, dice.randbytes(dice.choice([0, 1, 50]))),
            lambda: dice.randbytes(dice.randint(2, 200)) + bytes(20),
        ]
        return dice.choice(kinds)()


class RawClient:
    """A WebSocket by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def connect(cls, port: int, path: str, subprotocol: str) -> Self:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        head += f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {'A' * 22}==\r\n"
        writer.write(f"{head}Sec-WebSocket-Protocol: {subprotocol}\r\n\r\n".encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 101 "), answer
        return cls(reader, writer)

    def send(self, raw: bytes) -> None:
        self._writer.write(raw)

    async def end(self) -> int | None:
        """None where the server still answers a ping; else the code that it has closed with."""
        mark = b"are you there?"
        self.send(frame(PING, mark))
        try:
            while True:
                opcode, payload = await self._read()
                if opcode == PONG and payload == mark:
                    return None
                if opcode == CLOSE:
                    return int.from_bytes(payload[:2]) if payload else 1005
        except (asyncio.IncompleteReadError, ConnectionError):
            return VANISHED

    def leave(self) -> None:
        self._writer.transport.abort()

    async def _read(self) -> tuple[int, bytes]:
        first, size = await self._reader.readexactly(2)
        if size == 126:
            size = int.from_bytes(await self._reader.readexactly(2))
        elif size == 127:
            size = int.from_bytes(await self._reader.readexactly(8))
        return first & 0x0F, await self._reader.readexactly(size)


SUBPROTOCOLS: Final = (SUBPROTOCOL, MSGPACK)
