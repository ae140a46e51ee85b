"""What the doctor finds is measured, and what there is to do about it is said."""

import json
from functools import partial

import pytest

from clients.heard_clock import HeardClock, heard_clocks
from clients.times import Times
from music.errors import PortError
from server import doctor
from server.doctor import examine, report
from tests.server.running import run_server

NOBODY = "ws://127.0.0.1:9/v1/live"
MS = 1_000_000


@pytest.mark.jack
def test_ports_are_measured_on_a_running_system(
    jack_server: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TRADEFOURS_MIDI_API", "jack")
    monkeypatch.setattr(doctor, "_measure_decoding", lambda findings, model: None)
    monkeypatch.setattr(doctor, "MOST_UNEVEN_MS", 50.0)
    monkeypatch.setattr(doctor, "heard_clocks", partial(heard_clocks, listen_s=0.1))
    assert examine("small", url=NOBODY, as_json=True) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["midi_system"] == "jack"
    assert found["loopback_ms"]["count"] == 100
    assert 0 < found["loopback_ms"]["p50_ms"] < 30
    assert found["waking_ms"]["count"] == 100
    assert found["midi_clocks"] == {}
    assert found["server_round_trip_ms"] is None
    assert found["fit"]


@pytest.mark.parametrize(
    ("nanos", "says"),
    [([MS] * 99, "got 99"), ([MS] * 90 + [9 * MS] * 10, "even to 3 ms, got 8.0"), ([MS] * 100, "ready to play")],
)
def test_ports_that_lose_or_delay_are_no_ports_to_play_with(
    monkeypatch: pytest.MonkeyPatch, nanos: list[int], says: str
) -> None:
    monkeypatch.setattr(doctor, "measure_loopback", lambda api: Times(nanos))
    findings = doctor.Findings(midi_system="alsa")
    doctor._measure_timing(findings)
    assert says in report(findings)


@pytest.mark.parametrize(
    ("uneven_ms", "says"), [(0.4, "ready to play"), (5.0, "even to 3 ms, got 5.0 from DAW: make the buffer")]
)
def test_a_clock_that_is_heard_is_named_and_one_that_is_uneven_is_told_of(
    monkeypatch: pytest.MonkeyPatch, uneven_ms: float, says: str
) -> None:
    monkeypatch.setattr(doctor, "heard_clocks", lambda api: {"DAW": HeardClock(98.0, uneven_ms)})
    findings = doctor.Findings(midi_system="alsa")
    doctor._listen_for_clocks(findings)
    assert f"DAW: 98.0 bpm, even to {uneven_ms:.2f} ms" in report(findings)
    assert says in report(findings)


def test_a_port_that_cannot_be_made_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(api: str) -> Times:
        raise PortError("expected a port, got none")

    monkeypatch.setattr(doctor, "measure_loopback", refuse)
    findings = doctor.Findings(midi_system="alsa")
    doctor._measure_timing(findings)
    assert findings.advice == ["expected a port, got none"]


def test_a_server_that_wants_a_key_is_said() -> None:
    findings = doctor.Findings()
    with run_server(key="0123456789abcdef") as running:
        doctor._look_for_server(findings, f"ws://127.0.0.1:{running.port}/v1/live")
    assert [advice.endswith("got none: set TRADEFOURS_KEY") for advice in findings.advice] == [True]
