"""JSON and msgpack say the same, and nonsense is told from messages."""

from contextlib import suppress

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.messages import (
    ClientHeartbeat,
    Control,
    Plan,
    PlannedNote,
    PlayedNote,
    Start,
    client_message,
    server_message,
)
from streaming.wire import JSON_WIRE, LONGEST, MSGPACK_WIRE, BadFrame, unpack

client_messages = st.one_of(
    st.builds(
        PlayedNote,
        tick=st.integers(0, 2**40 - 1),
        pitch=st.integers(0, 127),
        velocity=st.integers(0, 127),
        part=st.integers(0, 15),
    ),
    st.builds(ClientHeartbeat, tick=st.none() | st.integers(0, 2**40 - 1), ping_ns=st.integers(0, 2**62)),
    st.builds(Control, density=st.none() | st.floats(-1, 1), mute=st.none() | st.just((1, 2))),
    st.builds(Start, bpm=st.integers(20, 400).map(float), seed=st.integers(0, 2**63 - 1)),
)
planned = st.builds(
    PlannedNote,
    id=st.integers(0, 2**40),
    tick=st.integers(0, 2**40 - 1),
    duration=st.integers(1, 2**31),
    part=st.integers(0, 15),
    pitch=st.integers(0, 127),
    velocity=st.integers(1, 127),
)


@given(client_messages)
def test_what_a_client_says_is_read_strictly_and_the_same_either_way(message: Start) -> None:
    packed, text = MSGPACK_WIRE.encode(message), JSON_WIRE.encode(message)
    assert isinstance(packed, bytes)
    assert client_message.validate_python(unpack(packed), strict=True) == message
    assert client_message.validate_json(text, strict=True) == message


@given(st.lists(planned, max_size=9), st.lists(st.integers(0, 2**40), max_size=9))
def test_a_plan_is_the_same_either_way_and_shorter_as_msgpack(add: list[PlannedNote], commit: list[int]) -> None:
    plan = Plan(add=tuple(add), commit=tuple(commit))
    packed, text = MSGPACK_WIRE.encode(plan), JSON_WIRE.encode(plan)
    assert isinstance(packed, bytes)
    assert server_message.validate_python(unpack(packed)) == server_message.validate_json(text) == plan
    assert len(packed) < len(text)


@given(st.binary(max_size=60))
def test_bytes_are_unpacked_or_refused_and_nothing_else_happens(frame: bytes) -> None:
    with suppress(BadFrame):
        assert msgpack.packb(unpack(frame)) is not None


@pytest.mark.parametrize("frame", [b"", b"\xc1", b"\xdd\xff\xff\xff\xff", b"\x91" * 5000, b"\x81\x01\x02", b"\x01\x02"])
def test_what_would_take_memory_or_is_no_message_is_refused(frame: bytes) -> None:
    with pytest.raises(BadFrame):
        unpack(frame)


def test_no_text_is_longer_than_a_message() -> None:
    with pytest.raises(BadFrame):
        unpack(msgpack.packb("x" * (LONGEST + 1)))
