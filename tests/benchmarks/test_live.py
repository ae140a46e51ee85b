"""The live measurement: short, with random weights, but in real time and the whole way."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import live_inside, live_ports
from benchmarks.live import bench_live
from benchmarks.live_figures import Measured, ratios, share
from benchmarks.live_inside import measure_mode
from benchmarks.performance import Phrase, Struck
from benchmarks.programs import line_with
from clients.times import Times
from model.engine.stream_engine import StreamEngine
from model.engine.torch_engine import TorchEngine
from model.registry import load
from music.errors import TradefoursError
from streaming.messages import Mode
from tests.model.random_performers import random_performer

KEYS = {
    "reaction_p50_ms",
    "reaction_p95_ms",
    "lateness_p50_ms",
    "lateness_p95_ms",
    "lateness_p99_ms",
    "in_time_share",
    "notes_on",
    "notes_off",
}
SHORT: Phrase = (Struck(0.0, 0.21, 60, 80), Struck(0.24, 0.47, 64, 74), Struck(0.49, 0.7, 67, 86))
SHORT_S = 2.5


def measured(mode: Mode, *, late_ms: float = 0.5, in_time: int = 3, not_in_time: int = 1) -> Measured:
    return Measured(
        mode=mode,
        seconds=5.0,
        human_notes=6,
        reaction=Times([4_000_000]).summary_ms() if mode == "duet" else Times().summary_ms(),
        answer=Times([450_000_000]).summary_ms() if mode == "answer" else Times().summary_ms(),
        lateness=Times([round(late_ms * 1e6)]).summary_ms(),
        in_time=in_time,
        not_in_time=not_in_time,
        tokens_per_s=None,
        notes_on=4,
        notes_off=4,
    )


def test_the_ratios_are_the_duets_reactions_and_the_worse_lateness() -> None:
    found = ratios([measured("answer", late_ms=2.0, in_time=5, not_in_time=0), measured("duet")])
    assert set(found) == KEYS
    assert found["reaction_p95_ms"] == 4.0
    assert found["lateness_p99_ms"] == 2.0
    assert found["in_time_share"] == 8 / 9
    assert found["notes_on"] == found["notes_off"] == 8


def test_what_was_not_timed_is_told_as_such() -> None:
    assert measured("answer").row()["reaction_p95_ms"] is None
    assert measured("answer").row()["answer_p95_ms"] == 450.0


def test_of_no_notes_all_were_in_time() -> None:
    assert share(0, 0) == 1.0


def test_a_network_for_solo_piano_is_measured_in_its_one_mode() -> None:
    engine = StreamEngine(random_performer(), max_sequences=2)
    found = measure_mode(engine, "answer", [SHORT], SHORT_S, solo_context=64)
    assert found.notes_on == found.notes_off > 0
    assert ratios([found])["in_time_share"] > 0


@pytest.mark.parametrize("mode", ["duet", "answer"])
def test_a_short_set_is_played_and_counted(mode: Mode) -> None:
    found = measure_mode(TorchEngine(load("tiny"), max_sequences=2), mode, [SHORT], SHORT_S)
    assert found.human_notes == 3
    assert found.notes_on == found.notes_off > 0
    assert found.lateness["count"] == found.notes_on
    assert found.in_time + found.not_in_time >= found.notes_on
    assert found.reaction["count"]
    assert found.tokens_per_s
    if mode == "answer":
        assert found.answer["count"] == 1
        assert 350 < found.answer["p50_ms"] < 2_000


def test_the_command_writes_what_was_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    modes: list[Mode] = ["duet", "answer"]
    monkeypatch.setattr(live_inside, "measure_inside", lambda model, seconds: [measured(mode) for mode in modes])
    file = tmp_path / "live.json"
    assert bench_live(model="tiny", ports=False, quick=True, json_file=file) == 0
    found = json.loads(file.read_text())
    assert found["bench"] == "live"
    assert set(found["ratios"]) == KEYS
    assert [row["mode"] for row in found["rows"]] == modes
    assert "| duet |" in capsys.readouterr().out


@pytest.mark.jack
@pytest.mark.slow
@pytest.mark.usefixtures("jack_server")  # not used: only to leave the test out where there is no JACK
def test_the_whole_way_is_measured_at_real_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_ports, "phrases", lambda seconds, seed: [SHORT])
    found = live_ports.measure_ports("tiny", SHORT_S)
    assert [each.mode for each in found] == ["duet", "answer"]
    for each in found:
        assert each.notes_on == each.notes_off > 0
        assert each.lateness["count"] == each.notes_on
        assert each.tokens_per_s
    assert found[0].reaction["count"] > 0
    assert found[1].answer["count"] == 1


def test_a_program_that_says_nothing_is_not_waited_for_without_end() -> None:
    command = [sys.executable, "-c", "import time; print('hm', flush=True); time.sleep(600)"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        with pytest.raises(TradefoursError, match="expected a program that says 'http://', got one that ended with"):
            line_with(program, "http://", timeout_s=0.5)
        assert program.wait(5) != 0


def test_without_jack_the_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(TradefoursError, match="install jackd2"):
        live_ports.measure_ports("tiny", SHORT_S)
