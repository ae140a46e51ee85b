"""The figures of the simulated sets: who is compared with whom, and what is said where there is nothing to measure."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import live_listening
from benchmarks.live_listening import Played, bench_listening, fits_of, gain, humans_bars, machines_bars
from benchmarks.live_pieces import Performance, performance_of
from benchmarks.live_sim import Set
from model.training.corpus import Corpus
from music.score import DRUMS, Note
from music.time import Tick
from streaming.messages import Mode
from tests.benchmarks.made_pieces import made_piece

MUTE = Set(
    notes=(),
    ages=(),
    planned=0,
    cancelled=0,
    reaction_p50_ns=None,
    reaction_p95_ns=None,
    in_time_share=1.0,
    late=0,
    rested=0,
    engine_ns=0,
    views=(),
)


def performance(*, transposed: int = 0) -> Performance:
    piece = made_piece()
    piece.notes[:, 2] += transposed
    found = performance_of(piece)
    assert found is not None
    return found


def set_of(*pitches: int) -> Set:
    notes = tuple(Note(Tick(480 * i), 1, pitch, 80, 240) for i, pitch in enumerate(pitches))
    return replace(MUTE, notes=notes, ages=tuple(120 for _ in notes), planned=len(notes))


def test_who_listens_gains_over_who_is_deaf_and_over_who_heard_another() -> None:
    in_c, in_f_sharp = set_of(60, 62, 64, 65), set_of(66, 68, 70, 71)
    played = [
        Played(performance(), "duet", 0, in_c, in_f_sharp),
        Played(performance(transposed=6), "duet", 0, in_f_sharp, in_c),
    ]
    fits = fits_of(played)
    for control in ("other piece", "withheld"):
        assert gain(fits, control, "in_key").low > 0.4
    assert [fit.in_key for fit in fits["machine"]] == [1, 1]


def test_a_piece_counts_once_however_many_takes_there_are_of_it() -> None:
    in_c, half, in_f_sharp = set_of(60, 62), set_of(60, 66), set_of(66, 68)
    played = [Played(performance(), "duet", take, each, in_f_sharp) for take, each in enumerate((in_c, half))]
    fits = fits_of(played)
    assert [fit.in_key for fit in fits["machine"]] == [0.75]
    assert [fit.in_key for fit in fits["withheld"]] == [0]


def test_who_is_alone_of_its_kind_has_no_other_piece_and_a_drummer_no_partner() -> None:
    drums = performance_of(made_piece(source="groove", programs=(DRUMS,)))
    assert drums is not None
    fits = fits_of([Played(drums, "duet", 0, set_of(40), MUTE)])
    assert np.isnan(fits["other piece"][0].together)
    assert np.isnan(fits["recorded partner"][0].density)
    assert str(gain(fits, "other piece", "together")) == "none"


@pytest.mark.parametrize("mode", ["trade", "answer"])
def test_in_turns_the_human_rests_where_the_machine_is_measured(mode: Mode) -> None:
    human = humans_bars(performance(), mode)
    assert human.bars == 8
    assert not machines_bars(human, mode).notes
    assert len(machines_bars(performance().human, mode).by_bar) == 4
    assert np.isnan(fits_of([Played(performance(), mode, 0, set_of(60), MUTE)])["machine"][0].together)


def test_without_a_corpus_a_sentence_says_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench_listening(model="tiny", corpus=None, step_ms=None, quick=True, json_file=None) == 0
    assert "expected a corpus of recorded performances, got none" in capsys.readouterr().out


def test_the_command_writes_what_was_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(live_listening, "open_corpus", lambda path: Corpus((made_piece(),)))
    monkeypatch.setattr(live_listening, "MODES", ("trade", "continue"))
    file = tmp_path / "sim.json"
    assert bench_listening(model="tiny", corpus=tmp_path, step_ms=1.0, quick=True, json_file=file) == 0
    found = json.loads(file.read_text())
    assert found["bench"] == "live-sim"
    assert {row["mode"] for row in found["rows"]} == {"trade", "continue"}
    assert "continue_in_key_over_withheld_low" in found["ratios"]
    shown = capsys.readouterr().out
    assert "| trade | recorded partner |" in shown
    assert "1 ms a pass" in shown
