"""Starting, stopping and refusing: one sentence for what cannot be, and no process left behind."""

import os
import signal
from pathlib import Path

import pytest

from benchmarks.performance import messages
from tests.clients.midi_peers import Keyboard, Recorder, hanging
from tests.end_to_end.programs import Program, Server, bridge, free_port, lives, run_to_end, until
from tests.end_to_end.test_ports import SHORT

pytestmark = pytest.mark.slow


def only_sentence(lines: list[str]) -> str:
    """What it printed, if that is one sentence and no traceback."""
    (line,) = lines
    assert len(line) < 400
    return line


@pytest.mark.jack
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_run_plays_and_leaves_nothing_behind_however_it_ends(
    jack_server: dict[str, str], model: str, number: signal.Signals
) -> None:
    with Program("run", "--port", str(free_port()), "--model", model, "--api", "jack") as program:
        program.says("connected")
        family = program.family()
        assert len(family) >= 3  # server, bridge, output port
        with Keyboard("Tradefours In") as keyboard, Recorder("Tradefours Out") as recorder:
            keyboard.play(messages(SHORT))
            recorder.wait_until(lambda heard: len(hanging(heard)) > 0, timeout_s=15)
            program.send(number)
            recorder.wait_until(lambda heard: not hanging(heard))
        assert until(lambda: not any(map(lives, family)))
        assert program.wait() == (0 if number is signal.SIGTERM else -number)


@pytest.mark.jack
@pytest.mark.parametrize("hears", ["its group", "every process of its"])
def test_run_ends_in_order_at_ctrl_c(jack_server: dict[str, str], model: str, hears: str) -> None:
    with Program("run", "--port", str(free_port()), "--model", model, "--api", "jack") as program:
        program.says("connected")
        family = program.family()
        if hears == "its group":
            program.interrupt()
        else:
            for pid in family:
                os.kill(pid, signal.SIGINT)
        assert program.wait() == 0
        assert until(lambda: not any(map(lives, family)))
        assert not [line for line in program.lines if "Traceback" in line or "Fatal" in line]


@pytest.mark.jack
def test_a_second_run_on_the_same_port_says_so_and_goes(
    jack_server: dict[str, str], server: Server, model: str
) -> None:
    code, lines = run_to_end("run", "--port", str(server.port), "--model", model, "--api", "jack")
    assert code == 1
    assert f"port {server.port} on 127.0.0.1 is taken" in only_sentence(lines)


def test_a_second_server_on_the_same_port_says_so_and_goes(server: Server, model: str) -> None:
    code, lines = run_to_end("serve", "--port", str(server.port), "--model", model)
    assert code == 1
    assert f"port {server.port} on 127.0.0.1 is taken" in only_sentence(lines)


@pytest.mark.jack
def test_a_port_that_is_not_there_is_named(jack_server: dict[str, str], server: Server) -> None:
    for option in ("--in", "--out"):
        code, lines = run_to_end("bridge", "--url", server.url, "--api", "jack", option, "nope")
        assert code == 1
        assert "contains 'nope'" in only_sentence(lines)


@pytest.mark.jack
def test_a_second_bridge_leaves_the_first_its_ports(jack_server: dict[str, str], server: Server) -> None:
    with bridge(server.url) as first:
        code, lines = run_to_end("bridge", "--url", server.url, "--api", "jack")
        assert code == 1
        assert "stop the other bridge first" in only_sentence(lines)
        assert first.stop() == 0


@pytest.mark.jack
def test_run_whose_ports_are_taken_ends_its_server_too(jack_server: dict[str, str], server: Server, model: str) -> None:
    with bridge(server.url), Program("run", "--port", str(free_port()), "--model", model, "--api", "jack") as second:
        second.says("stop the other bridge first")
        family = second.family()
        assert second.wait() == 1
        assert not any(map(lives, family))


@pytest.mark.parametrize("kind", ["cut short", "text", "50 MB", "missing"])
def test_what_is_no_midi_file_is_refused_in_one_sentence(tmp_path: Path, kind: str) -> None:
    source, target = tmp_path / "in.mid", tmp_path / "out.mid"
    match kind:
        case "cut short":
            source.write_bytes(b"MThd\x00\x00\x00\x06\x00\x01\x00\x01\x01\xe0MTrk\x00\x00\x01\x00\x00\x90\x3c")
        case "text":
            source.write_text("Dear sir or madam\n")
        case "50 MB":
            with source.open("wb") as file:
                file.write(b"MThd\x00\x00\x00\x06\x00\x01\x00\x01\x01\xe0")
                file.truncate(50_000_000)
    code, lines = run_to_end("generate", str(source), str(target), "--model", "tiny")
    assert code == 1
    assert only_sentence(lines).startswith("expected ")
    assert not target.exists()
