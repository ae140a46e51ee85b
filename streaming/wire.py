"""Messages as frames: JSON in text frames, or msgpack in binary ones. The subprotocol says which. Knows no socket."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import msgpack

from streaming.messages import MSGPACK, SUBPROTOCOL, Message

LONGEST: Final = 65_536  # bytes of a message, and so the most that anything in it can hold

Frame = str | bytes


class BadFrame(ValueError):
    """Bytes that are no msgpack."""


@dataclass(frozen=True, slots=True)
class Wire:
    """One way to write messages. Both say the same: what msgpack holds is what JSON would."""

    subprotocol: str
    encode: Callable[[Message], Frame]
    is_binary: bool


def unpack(frame: bytes) -> Any:
    """What a binary frame holds. Raises BadFrame."""
    try:
        return msgpack.unpackb(
            frame, use_list=False, strict_map_key=True, max_str_len=LONGEST, max_array_len=LONGEST, max_map_len=LONGEST
        )
    except (ValueError, RecursionError) as error:
        raise BadFrame(str(error) or type(error).__name__) from None


def _to_json(message: Message) -> str:
    return message.model_dump_json()


def _to_msgpack(message: Message) -> bytes:
    packed: bytes = msgpack.packb(message.model_dump())
    return packed


JSON_WIRE: Final = Wire(SUBPROTOCOL, _to_json, is_binary=False)
MSGPACK_WIRE: Final = Wire(MSGPACK, _to_msgpack, is_binary=True)
WIRES: Final = {wire.subprotocol: wire for wire in (JSON_WIRE, MSGPACK_WIRE)}
