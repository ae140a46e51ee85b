"""What a port on JACK does in cycles that it is late for, with a JACK whose time is the test's."""

import sys
from collections.abc import Callable, Sequence
from time import monotonic_ns
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from clients.jack_port import JackPort
from music.time import Nanos

ON, OFF = b"\x90\x3c\x40", b"\x80\x3c\x00"
FRAMES = 64


class Buffer:
    def __init__(self) -> None:
        self.events: list[bytes] = []

    def clear_buffer(self) -> None:
        self.events.clear()

    def write_midi_event(self, frame: int, message: bytes) -> None:
        assert 0 <= frame < FRAMES
        self.events.append(message)


class Client:
    """Cycles that last as long as the machine needs: nothing depends on how fast that is."""

    samplerate = 1_000_000_000  # so that no cycle follows another too soon

    def __init__(self, *_: object, **__: object) -> None:
        self.out = Buffer()
        self.midi_outports = SimpleNamespace(register=lambda _: self.out)
        self.last_frame_time = 0
        self.passes: list[int] = []  # frames that pass while the port looks
        self.process: Callable[[int], None] = lambda frames: None
        self.lose: Callable[[float], None] = lambda delay_us: None

    @property
    def frames_since_cycle_start(self) -> int:
        return self.passes.pop(0) if self.passes else 0

    def set_process_callback(self, callback: Callable[[int], None]) -> None:
        self.process = callback

    def set_xrun_callback(self, callback: Callable[[float], None]) -> None:
        self.lose = callback

    def set_shutdown_callback(self, callback: object) -> None: ...

    def activate(self) -> None: ...

    def cycle(self, *, passed: int = 1) -> list[bytes]:
        """What those who listen get."""
        self.last_frame_time += passed * FRAMES
        self.process(FRAMES)
        return list(self.out.events)


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Client:
    made = Client()
    module: Any = ModuleType("jack")
    module.Client, module.JackError = lambda *_, **__: made, type("JackError", (Exception,), {})
    monkeypatch.setitem(sys.modules, "jack", module)
    return made


@pytest.fixture
def port(client: Client) -> JackPort:
    port = JackPort("Out")
    for _ in range(3):
        client.cycle()
    return port


def send(port: JackPort, messages: Sequence[bytes]) -> None:
    for message in messages:
        port.send(message, Nanos(monotonic_ns()))


def test_a_cycle_after_one_that_was_left_out_carries_nothing(client: Client, port: JackPort) -> None:
    send(port, [ON, OFF])
    assert [client.cycle(passed=2), client.cycle(), client.cycle(), client.cycle()] == [[], [], [ON, OFF], []]


def test_what_was_written_too_late_is_taken_back_and_leaves_in_the_next(client: Client, port: JackPort) -> None:
    send(port, [ON])
    client.passes = [0, FRAMES]
    assert [client.cycle(), client.cycle(), client.cycle()] == [[], [ON], []]


def test_where_every_cycle_is_too_short_it_leaves_all_the_same(client: Client, port: JackPort) -> None:
    send(port, [ON])
    client.passes = [0, FRAMES] * 20
    assert [ON] in [client.cycle() for _ in range(10)]


def test_an_end_is_said_again_when_a_cycle_was_lost(client: Client, port: JackPort) -> None:
    send(port, [ON, OFF])
    assert client.cycle() == [ON, OFF]
    client.lose(0.0)
    assert [client.cycle(), client.cycle()] == [[OFF], []]


def test_an_end_is_not_said_again_where_its_key_was_struck_since(client: Client, port: JackPort) -> None:
    send(port, [ON, OFF, ON])
    assert client.cycle() == [ON, OFF, ON]
    client.lose(0.0)
    assert client.cycle() == []
