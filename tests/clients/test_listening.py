"""Who stops listening while the driver calls: with real ports of JACK and a torrent of messages."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import sleep
from typing import Any

import pytest

jack = pytest.importorskip("jack", exc_type=ImportError, reason="needs JACK-Client")
pytestmark = pytest.mark.jack
TIMES = 10

# It keeps the interpreter until a call waits for it, and lets go of the port just then: `close()`, or `None`.
LISTENER = """
import sys, time
from clients.ports import open_input
sys.setswitchinterval(5)
heard = []
for _ in range(int(sys.argv[1])):
    port = open_input("Torrent", lambda message, at: heard.append(message), virtual=False, api="jack")
    before = len(heard)
    while len(heard) == before:
        time.sleep(0.001)
    until = time.monotonic() + 0.02
    while time.monotonic() < until:
        pass
    port = port.close() if sys.argv[2] == "closes" else None
    freed = [(object(), None) for _ in range(1000)]  # takes the place of what was freed
    count = len(heard)
    time.sleep(0.02)
    assert sys.argv[2] == "forgets" or len(heard) == count
"""


@contextmanager
def torrent() -> Iterator[None]:
    """Eight messages in every cycle."""
    client: Any = jack.Client("Torrent", no_start_server=True)
    out = client.midi_outports.register("Torrent")

    @client.set_process_callback  # type: ignore[untyped-decorator]
    def send(frames: int) -> None:
        out.clear_buffer()
        for frame in range(8):
            out.write_midi_event(frame, b"\x90\x3c\x40")

    with client:
        yield
        sleep(0.01)


@pytest.mark.parametrize("way", ["closes", "forgets"])
def test_a_port_is_let_go_of_in_the_middle_of_a_torrent(jack_server: dict[str, str], way: str) -> None:
    with torrent():
        listener = subprocess.run(
            [sys.executable, "-c", LISTENER, str(TIMES), way], capture_output=True, text=True, timeout=60
        )
    assert listener.returncode == 0, listener.stderr
