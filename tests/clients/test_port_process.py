"""The process that holds the output port ends every note, whatever happens to it or to its parent."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from queue import SimpleQueue
from threading import Timer
from time import monotonic_ns
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import clients.port_process
from benchmarks.jack import PERIOD_FRAMES
from clients.port_process import QUIT, Player
from music.time import Nanos
from tests.clients.midi_peers import Recorder, hanging

MS = 1_000_000
FAR_AWAY = 3_600_000 * MS


def on(id: int, pitch: int = 60, due: int | None = None, length: int = FAR_AWAY, channel: int = 1) -> bytes:
    due = monotonic_ns() if due is None else due
    note = {"id": id, "due": due, "off": due + length, "channel": channel, "pitch": pitch, "velocity": 90}
    return json.dumps({"on": note}).encode()


class RecordingPort:
    ahead = Nanos(0)

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def send(self, message: Sequence[int], due: Nanos | None = None) -> None:
        self.sent.append(bytes(message))


def played(*lines: bytes) -> tuple[list[bytes], list[dict[str, Any]]]:
    """What reaches the port, and what is reported, until the end of the lines."""
    port, reports, queue = RecordingPort(), list[dict[str, Any]](), SimpleQueue[bytes]()
    for line in [*lines, QUIT]:
        queue.put(line)
    Player(port, reports.append).run(queue)
    return port.sent, reports


TIDY = [
    b"\xb1\x40\x00",
    b"\xb1\x7b\x00",
    b"\xb1\x78\x00",
]  # on the channel that was used


def test_a_note_that_sounds_at_the_end_is_ended() -> None:
    sent, reports = played(on(7))
    assert sent == [b"\x91\x3c\x5a", b"\x81\x3c\x00", *TIDY]
    assert reports[0]["played"] == 7
    assert 0 <= reports[0]["late_ns"] < 1_000 * MS
    assert reports[1:] == [{"ended": 7}]


def test_a_note_not_yet_due_at_the_end_never_sounds() -> None:
    assert played(on(7, due=monotonic_ns() + FAR_AWAY)) == ([], [])


def test_a_note_not_yet_due_can_be_moved() -> None:
    now = monotonic_ns()
    move = {"id": 7, "due": now, "off": now + FAR_AWAY}
    sent, _ = played(on(7, due=now + FAR_AWAY), json.dumps({"move": move}).encode())
    assert sent[:2] == [b"\x91\x3c\x5a", b"\x81\x3c\x00"]


def test_silence_ends_what_sounds() -> None:
    sent, reports = played(on(7), b'{"silence": true}', on(8, pitch=62))
    assert sent[:3] == [b"\x91\x3c\x5a", b"\x81\x3c\x00", b"\x91\x3e\x5a"]
    assert [report.get("ended") for report in reports] == [None, 7, None, 8]


def test_panic_ends_all_notes_of_all_channels() -> None:
    sent, _ = played(b'{"panic": true}')
    assert sent == [bytes((0xB0 | channel, control, 0)) for channel in range(16) for control in (64, 123, 120)]


@pytest.mark.parametrize(
    "line",
    [b"", b"no json", b"7", b'{"on": 1}', b'{"on": {"id": 1}}', b"\xff", on(1, pitch=128), b'{"pulse": {}}'],
)
def test_a_line_without_sense_is_reported_and_does_no_harm(line: bytes) -> None:
    sent, reports = played(on(7), line, on(8, pitch=62))
    assert [message[0] for message in sent if message[0] < 0xB0] == [0x91, 0x91, 0x81, 0x81]
    assert [list(report) for report in reports if "error" in report] == [["error"]]


def test_pulses_go_to_the_clocks_port_in_time_and_outlive_a_silence() -> None:
    port, clock, queue = RecordingPort(), RecordingPort(), SimpleQueue[bytes]()
    now = monotonic_ns() + 50 * MS
    for due, message in ((now + 3 * MS, "f8"), (now, "fa"), (now + 5 * MS, "f8")):
        queue.put(json.dumps({"pulse": {"due": due, "message": message}}).encode())
    queue.put(b'{"silence": true}')
    player = Player(port, lambda report: None, clock=clock)
    Timer(0.2, queue.put, [QUIT]).start()
    player.run(queue)
    assert (port.sent, clock.sent) == ([], [b"\xfa", b"\xf8", b"\xf8"])


def test_a_stop_takes_back_the_pulses_that_were_told_ahead_of_it() -> None:
    """A follower that hears one more would go on."""
    clock, lines, now = RecordingPort(), SimpleQueue[bytes](), monotonic_ns()
    told = [(now + 5 * MS, "f8"), (now + 15 * MS, "f8"), (now + 10 * MS, "fc"), (now + 20 * MS, "fb")]
    for due, message in told:
        lines.put(json.dumps({"pulse": {"due": due, "message": message}}).encode())
    Timer(0.1, lines.put, [QUIT]).start()
    Player(RecordingPort(), lambda report: None, clock=clock).run(lines)
    assert clock.sent == [b"\xf8", b"\xfc", b"\xfb"]


def test_an_instrument_that_listens_for_it_is_told_that_we_are_here() -> None:
    port, queue = RecordingPort(), SimpleQueue[bytes]()
    Timer(0.5, queue.put, [QUIT]).start()
    Player(port, lambda report: None, senses=True).run(queue)
    assert 2 <= len(port.sent) <= 3
    assert set(port.sent) == {b"\xfe"}


def test_a_port_that_keeps_time_itself_is_told_early_and_when() -> None:
    class Early(RecordingPort):
        ahead = Nanos(50 * MS)

        def __init__(self) -> None:
            super().__init__()
            self.dues: list[tuple[Nanos | None, int]] = []

        def send(self, message: Sequence[int], due: Nanos | None = None) -> None:
            super().send(message)
            self.dues.append((due, monotonic_ns()))

    port, queue, reports = Early(), SimpleQueue[bytes](), list[dict[str, Any]]()
    due = monotonic_ns() + 150 * MS
    queue.put(on(1, due=due))
    Timer(0.2, queue.put, [QUIT]).start()
    Player(port, reports.append).run(queue)
    told, at = port.dues[0]
    assert told == due
    assert at < due
    assert reports[0] == {"played": 1, "late_ns": 0}
    assert port.dues[1][0] is None  # what is silenced ends now, whenever it should have


def test_a_port_that_fails_is_still_told_to_end_its_notes() -> None:
    class Failing(RecordingPort):
        def send(self, message: Sequence[int], due: Nanos | None = None) -> None:
            super().send(message)
            if message[1] == 99:
                raise OSError("device gone")

    port, queue = Failing(), SimpleQueue[bytes]()
    queue.put(on(1))
    queue.put(on(2, pitch=99, due=monotonic_ns() + MS))
    with pytest.raises(OSError, match="device gone"):
        Player(port, lambda report: None).run(queue)
    assert b"\x81\x3c\x00" in port.sent


@given(st.lists(st.tuples(st.integers(60, 62), st.integers(-3, 3), st.integers(1, 3)), max_size=30))
def test_on_every_key_ons_and_offs_take_turns(notes: list[tuple[int, int, int]]) -> None:
    now = monotonic_ns()
    lines = [on(i, p, now + wait * 10_000, length * 10_000) for i, (p, wait, length) in enumerate(notes)]
    sounding = set[int]()
    for status, pitch, _ in played(*lines)[0]:
        if status == 0x91:
            assert pitch not in sounding
            sounding.add(pitch)
        elif status == 0x81:
            sounding.remove(pitch)
    assert not sounding


@pytest.mark.jack
def test_what_leaves_with_the_next_cycle_is_handed_over_half_of_one_early(jack_server: dict[str, str]) -> None:
    pytest.importorskip("jack", exc_type=ImportError, reason="needs JACK-Client")
    port = clients.port_process._open("Out", virtual=True, api="jack", exact=False)
    port.close()
    assert port.ahead == PERIOD_FRAMES * 500_000_000 // 48_000


# ---- the process itself, on a real port --------------------------------------------------------------

COMMAND = [sys.executable, "-m", "clients.port_process", "--name", "Out", "--api", "jack"]


@contextmanager
def port_process() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert json.loads(process.stdout.readline()) == {"ready": True, "port": "Out"}
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def tell(process: subprocess.Popen[bytes], *lines: bytes) -> None:
    assert process.stdin is not None
    process.stdin.write(b"".join(line + b"\n" for line in lines))
    process.stdin.flush()


@pytest.mark.jack
@pytest.mark.parametrize("end", ["stdin", "stdout", "SIGTERM", "SIGHUP", "quit"])
def test_every_way_to_end_it_ends_the_notes(jack_server: dict[str, str], end: str) -> None:
    with port_process() as process, Recorder("Out") as recorder:
        tell(process, on(1, 60), on(2, 64), on(3, 67))
        recorder.wait_until(lambda heard: len(heard) == 3)
        if end == "stdin":
            assert process.stdin is not None
            process.stdin.close()
        elif end == "stdout":
            assert process.stdout is not None
            process.stdout.close()
            tell(process, on(4, 69))  # its report meets a broken pipe
        elif end == "quit":
            tell(process, QUIT)
        else:
            process.send_signal(getattr(signal, end))
        heard = recorder.wait_until(lambda heard: any(event.message[1] == 123 for event in heard))
        assert process.wait(timeout=5) == 0
        assert hanging(heard) == []


@pytest.mark.jack
def test_ctrl_c_is_the_parents_affair(jack_server: dict[str, str]) -> None:
    with port_process() as process, Recorder("Out") as recorder:
        process.send_signal(signal.SIGINT)
        tell(process, on(1, length=MS))
        recorder.wait_until(lambda heard: len(heard) == 2)
        assert process.poll() is None


@pytest.mark.jack
def test_a_killed_parent_leaves_no_note_sounding(jack_server: dict[str, str]) -> None:
    """The parent starts the port process, schedules a chord and is killed without a chance to clean up."""
    parent = """
import subprocess, sys, time
child = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child.stdout.readline()
print(flush=True)
sys.stdin.readline()
child.stdin.write(bytes.fromhex(sys.argv[1])); child.stdin.flush()
time.sleep(60)
"""
    chord = b"".join(on(id, 60 + id) + b"\n" for id in range(5))
    command = [sys.executable, "-c", parent, chord.hex(), *COMMAND]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdout.readline()
    try:
        with Recorder("Out") as recorder:
            process.stdin.write(b"\n")
            process.stdin.flush()
            recorder.wait_until(lambda heard: len(heard) == 5)
            os.kill(process.pid, signal.SIGKILL)
            killed = monotonic_ns()
            heard = recorder.wait_until(lambda heard: len([event for event in heard if event.is_off]) == 5)
            assert hanging(heard) == []
            assert heard[-1].at - killed < 500 * MS
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


@pytest.mark.jack
def test_notes_leave_on_time(jack_server: dict[str, str]) -> None:
    """Generous, for a machine at work: the benchmark measures, this only catches a loop that spins or sleeps on."""
    with port_process() as process, Recorder("Out") as recorder:
        start = monotonic_ns() + 100 * MS
        dues = [start + i * 20 * MS for i in range(50)]
        tell(process, *(on(i, 60 + i % 5, due, 10 * MS) for i, due in enumerate(dues)))
        heard = recorder.wait_until(lambda heard: len(heard) == 100)
        late = sorted(event.at - due for event, due in zip([e for e in heard if e.is_on], dues, strict=True))
        assert hanging(heard) == []
        assert late[0] >= -2 * MS  # JACK hands a cycle's messages on at its beginning
        assert late[25] < 10 * MS


def test_a_port_that_cannot_be_had_is_said_in_one_sentence() -> None:
    result = subprocess.run([*COMMAND[:-1], "oss"], capture_output=True, timeout=20)
    assert result.returncode == 1
    assert "got 'oss'" in json.loads(result.stdout)["error"]
    assert result.stderr == b""
