"""A port whose messages leave at their frame, heard by a JACK client that knows the frame."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import monotonic_ns, sleep
from typing import Any

import pytest

from benchmarks.jack import private_jack
from clients.jack_port import AHEAD, JackPort
from music.errors import PortError
from music.time import Nanos

MS = 1_000_000

jack = pytest.importorskip("jack", exc_type=ImportError, reason="needs JACK-Client")
pytestmark = pytest.mark.jack


class Ear:
    """When each message was heard, by the frames of JACK: (nanoseconds, message)."""

    def __init__(self, source: str) -> None:
        self.heard: list[tuple[int, bytes]] = []
        self._client: Any = jack.Client("Ear", no_start_server=True)
        port = self._client.midi_inports.register("in")

        @self._client.set_process_callback  # type: ignore[untyped-decorator]
        def process(frames: int) -> None:
            rate = self._client.samplerate
            begins = monotonic_ns() - self._client.frames_since_cycle_start * 1_000_000_000 // rate
            for offset, data in port.incoming_midi_events():
                self.heard.append((begins + offset * 1_000_000_000 // rate, bytes(data)))

        self._client.activate()
        self._client.connect(source, port)

    def close(self) -> None:
        self._client.deactivate()
        self._client.close()


@contextmanager
def heard_port() -> Iterator[tuple[JackPort, Ear]]:
    port = JackPort("Out")
    ear = Ear("Out:Out")
    try:
        yield port, ear
    finally:
        port.close()
        ear.close()


def test_messages_leave_when_they_are_due(jack_server: dict[str, str]) -> None:
    """A tenth of a millisecond is promised; three tenths on a busy machine, where a cycle may also be missed."""
    with heard_port() as (port, ear):
        first = monotonic_ns() + 50 * MS
        dues = [first + i * 3_700_000 for i in range(100)]
        for due in dues:
            sleep(max(0.0, (due - AHEAD - monotonic_ns()) / 1e9))
            port.send(b"\x90\x3c\x40", Nanos(due))
        sleep(0.1)
    late = [at - due for (at, _), due in zip(ear.heard, dues, strict=True)]
    print(f"late by {min(late) / MS:.3f} to {max(late) / MS:.3f}, median {median(late) / MS:.3f} ms")
    assert abs(median(late)) < 0.3 * MS
    assert sum(abs(each) < 0.3 * MS for each in late) >= 80


def test_what_is_sent_later_never_leaves_earlier(jack_server: dict[str, str]) -> None:
    """An off that says `now` follows the on that it ends, though that is still to come."""
    with heard_port() as (port, ear):
        port.send(b"\x90\x3c\x40", Nanos(monotonic_ns() + 5 * MS))
        port.send(b"\x80\x3c\x00")
    assert [message for _, message in ear.heard] == [b"\x90\x3c\x40", b"\x80\x3c\x00"]


def test_a_server_that_goes_away_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("jackd") is None:
        pytest.skip("needs jackd")
    with private_jack(tmp_path / "jack.log") as env:
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        port = JackPort("Out")
        port.send(b"\x90\x3c\x40")
    sleep(0.5)
    with pytest.raises(PortError, match="the JACK server is gone"):
        port.send(b"\x80\x3c\x00")
    port.close()


def test_without_a_server_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "nobody")
    with pytest.raises(PortError, match="'Out' to open"):
        JackPort("Out")
