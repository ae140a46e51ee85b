"""Thru: what comes in goes out, at once and whole, and no note of it outlives its keyboard."""

from collections.abc import Sequence
from time import monotonic_ns
from typing import Any

import pytest

import clients.thru
from clients.thru import Thru
from music.time import Nanos

ON, OFF, PEDAL = b"\x90\x3c\x40", b"\x80\x3c\x00", b"\xb0\x40\x7f"


class Port:
    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.is_open = True

    def send(self, message: Sequence[int]) -> None:
        self.sent.append(bytes(message))

    def close(self) -> None:
        self.is_open = False


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Port:
    port = Port()

    def open_output(name: str, **_: Any) -> Port:
        port.is_open = True
        return port

    monkeypatch.setattr(clients.thru, "open_output", open_output)
    return port


def opened() -> Thru:
    thru = Thru()
    thru.open(None, None)
    return thru


def hear(thru: Thru, *messages: bytes, port: int = 0) -> None:
    for message in messages:
        thru.hear(port, message, Nanos(monotonic_ns()))


def test_all_of_a_channel_goes_through_and_a_clock_does_not(port: Port) -> None:
    thru = opened()
    hear(thru, ON, b"\xf8", PEDAL, b"\xe0\x00\x40", OFF)
    assert port.sent == [ON, PEDAL, b"\xe0\x00\x40", OFF]
    assert len(thru.added) == 4


def test_a_key_struck_again_by_another_keyboard_ends_first(port: Port) -> None:
    thru = opened()
    hear(thru, ON)
    hear(thru, ON, port=1)
    assert port.sent == [ON, OFF, ON]


def test_what_an_unplugged_keyboard_held_ends(port: Port) -> None:
    thru = opened()
    hear(thru, ON)
    hear(thru, b"\x91\x40\x40", port=1)
    thru.gone(1)
    assert port.sent[2:] == [b"\x81\x40\x00"]


def test_closing_ends_all(port: Port) -> None:
    thru = opened()
    hear(thru, ON)
    thru.close()
    assert port.sent == [ON, OFF, b"\xb0\x40\x00", b"\xb0\x7b\x00", b"\xb0\x78\x00"]
    assert not port.is_open
    hear(thru, ON)
    assert len(port.sent) == 5


def test_an_instrument_that_is_back_is_opened_again(port: Port) -> None:
    thru = opened()
    hear(thru, ON)
    thru.open_again()
    hear(thru, ON)
    assert port.sent[:2] == [ON, OFF]
    assert port.sent[-1] == ON
    assert port.is_open


def test_without_a_port_nothing_happens(port: Port) -> None:
    thru = Thru()
    hear(thru, ON)
    thru.gone(0)
    thru.open_again()
    thru.close()
    assert port.sent == []
