"""A session that tells everything that happens to it, in the bytes of a file that any crash may cut off.

A journal is MAGIC and then frames: length and CRC-32 of what follows, 4 bytes each, little-endian, and one msgpack
list `[now, calls, event]`. `calls` are bytes, more msgpack: whole numbers, `8 × ticks since the call before + Op`, and
after some of them a value. With the events they are all that a session depends on. An event, or nil, comes after them:

    ["start", about]  ["join", player]  ["note", seq, tick, part, pitch, velocity or 0]  ["plan", notes that will sound]
    ["pedal" or "control" or "transport", seq, message]  ["resume", about]  ["end"]

Knows no file.
"""

import struct
from collections.abc import Callable, Iterator, Mapping
from enum import IntEnum
from typing import Any, Final, NamedTuple
from zlib import crc32

import msgpack

from model.engine.work import Drawn, Step
from music.errors import BadJournal
from music.events import NoteOff, NoteOn
from music.score import Note
from music.time import TICKS_PER_QUARTER, Tick
from streaming.messages import Control, Pedal, Plan, PlannedNote, PlayerPart, Start, Transport
from streaming.session import Session
from streaming.truth import Happening, Truth

MAGIC: Final = b"tfj1"
HEADER: Final = struct.Struct("<II")
LONGEST: Final = 2**22  # bytes of a frame; a prompt of 600 notes takes 60,000
FLUSH: Final = TICKS_PER_QUARTER // 4  # what happens is told at least this often
MESSAGES: Final[Mapping[str, type[Pedal | Control | Transport]]] = {
    "pedal": Pedal,
    "control": Control,
    "transport": Transport,
}

Write = Callable[[bytes], None]  # takes the next bytes of a journal; must not block


class Op(IntEnum):
    POLL = 0
    ACCEPT = 1  # a list of the tokens drawn follows
    RELIEVE = 2
    RELIEVED = 3
    TAKE = 4
    ROUND_TRIP = 5  # ticks follow


class Frame(NamedTuple):
    now: Tick
    calls: bytes
    event: list[Any] | None


class Journaled(Session):
    """As `Session`, whatever it is asked. `about`: what else a reader may want to know of it."""

    def __init__(
        self,
        start: Start,
        *,
        capacity: int,
        write: Write,
        about: Mapping[str, Any],
        truth: Truth | None = None,
        is_solo: bool = False,
    ) -> None:
        super().__init__(start, capacity=capacity, truth=truth, is_solo=is_solo)
        self._write = write
        self._pack = msgpack.Packer().pack
        self._calls = bytearray()
        self._now = self._told_at = truth.reached if truth else Tick(0)
        self._round_trip: int | None = None
        self._tentative: dict[int, PlannedNote] = {}
        whole = {**about, "capacity": capacity} | ({"is_solo": True} if is_solo else {})
        self._say(self._now, ["resume", whole] if truth else ["start", whole | {"start": start.model_dump()}])

    def end(self) -> None:
        """It cannot go on."""
        self._say(self._now, ["end"])

    # ---- what a session can be asked -----------------------------------------------------------------

    def hear_round_trip(self, ticks: int) -> None:
        if ticks != self._round_trip:
            self._round_trip = ticks
            self._call(Op.ROUND_TRIP, self._now, ticks)
        super().hear_round_trip(ticks)

    def join(self, player: PlayerPart) -> None:
        super().join(player)  # first: it may refuse
        self._say(self._now, ["join", player.model_dump()])

    def receive(self, event: Happening, now: Tick, seq: int | None = None) -> None:
        self._say(now, _told(event, seq))
        super().receive(event, now, seq)

    def poll(self, now: Tick) -> Step | None:
        self._call(Op.POLL, now)
        return super().poll(now)

    def accept(self, drawn: Drawn, now: Tick) -> None:
        self._call(Op.ACCEPT, now, drawn)
        super().accept(drawn, now)

    def relieve(self, now: Tick) -> Step | None:
        self._call(Op.RELIEVE, now)
        return super().relieve(now)

    def accept_relief(self, now: Tick) -> bool:
        self._call(Op.RELIEVED, now)
        return super().accept_relief(now)

    def take_plan(self, now: Tick) -> Plan | None:
        self._call(Op.TAKE, now)
        plan = super().take_plan(now)
        promised = self._promised(plan) if plan else []
        if promised:
            self._say(now, ["plan", promised])
        elif now - self._told_at >= FLUSH:
            self._say(now, None)
        return plan

    def _promised(self, plan: Plan) -> list[list[int]]:
        self._tentative.update((note.id, note) for note in plan.add)
        for id in plan.cancel:
            self._tentative.pop(id, None)
        notes = [self._tentative.pop(id) for id in plan.commit if id in self._tentative]
        return [[note.tick, note.part, note.pitch, note.velocity, note.duration] for note in notes]

    # ---- bytes ---------------------------------------------------------------------------------------

    def _call(self, op: Op, now: Tick, *value: int | Drawn) -> None:
        word = (now - self._now) * 8 + op
        if 0 <= word < 128:  # as most are: msgpack's one byte, without asking it
            self._calls.append(word)
        else:
            self._calls += self._pack(word)
        for each in value:
            self._calls += self._pack(each)
        self._now = now

    def _say(self, now: Tick, event: list[Any] | None) -> None:
        body = self._pack([now, bytes(self._calls), event])
        self._calls.clear()
        self._now = self._told_at = now
        self._write(HEADER.pack(len(body), crc32(body)) + body)


def read_frames(data: bytes) -> tuple[list[Frame], int]:
    """The whole frames, and where they end: what follows was cut off. Raises BadJournal where not even one is whole."""
    if not data.startswith(MAGIC):
        raise BadJournal(f"expected a journal, which begins with {MAGIC!r}, got {data[:8]!r}")
    frames, at = [], len(MAGIC)
    for body in _bodies(data):
        try:
            now, calls, event = msgpack.unpackb(body)
        except ValueError as error:
            raise BadJournal(f"expected a frame of three at byte {at}, got: {error}") from None
        frames.append(Frame(now, calls, event))
        at += HEADER.size + len(body)
    if not frames or not frames[0].event or frames[0].event[0] != "start":
        raise BadJournal("expected a journal that begins with a start, got none")
    return frames, at


def read_calls(frame: Frame) -> Iterator[tuple[Op, int, Any]]:
    """Each call, ticks since the one before, and the value that it brought."""
    unpacker = msgpack.Unpacker()
    unpacker.feed(frame.calls)
    for word in unpacker:
        ticks, op = divmod(word, 8)
        yield Op(op), ticks, unpacker.unpack() if op in (Op.ACCEPT, Op.ROUND_TRIP) else None


def read_truth(frames: list[Frame]) -> Truth:
    """What is known at their end."""
    assert frames[0].event is not None
    truth = Truth(read_start(frames[0].event[1]))
    for frame in frames[1:]:
        follow(truth, frame)
    return truth


def read_start(about: Mapping[str, Any]) -> Start:
    return Start.model_validate(about["start"])


def follow(truth: Truth, frame: Frame) -> None:
    """One more frame."""
    match frame.event:
        case ["join", player]:
            truth.join(PlayerPart.model_validate(player))
        case ["plan", notes]:
            truth.promise(Note(*note) for note in notes)
        case ["resume", _]:
            truth.go_on()
        case ["end"]:
            truth.is_over = True
        case [kind, seq, *_] if kind in MESSAGES or kind == "note":
            truth.hear(read_happening(frame.event), frame.now, seq)
    truth.reach(frame.now)


def read_happening(event: list[Any]) -> Happening:
    if event[0] != "note":
        return MESSAGES[event[0]].model_validate(event[2])
    _, _, tick, part, pitch, velocity = event
    return NoteOn(tick, part, pitch, velocity) if velocity else NoteOff(tick, part, pitch)


def _told(event: Happening, seq: int | None) -> list[Any]:
    match event:
        case NoteOn():
            return ["note", seq, event.tick, event.part, event.pitch, event.velocity]
        case NoteOff():
            return ["note", seq, event.tick, event.part, event.pitch, 0]
    return [event.type, seq, event.model_dump(exclude_defaults=True, exclude={"type", "seq"})]


def _bodies(data: bytes) -> Iterator[bytes]:
    at = len(MAGIC)
    while at + HEADER.size <= len(data):
        length, crc = HEADER.unpack_from(data, at)
        at += HEADER.size
        body = data[at : at + length]
        if length > LONGEST or len(body) < length or crc32(body) != crc:
            return
        yield body
        at += length
