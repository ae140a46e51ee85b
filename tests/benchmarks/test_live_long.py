"""A set of hours, here of seconds: stretch by stretch what it weighs, and nothing kept that a player would not keep."""

import json
from itertools import pairwise
from pathlib import Path

import pytest

from benchmarks import live_long
from benchmarks.live_long import STRETCHES, bench_long, measure_long, phrases
from tests.server.fakes import FakeEngine


def test_the_human_plays_eight_notes_a_second_and_rests_between_phrases() -> None:
    onsets = [note.onset for note in phrases(32)]
    gaps = {later - before for before, later in pairwise(onsets)}
    assert len(onsets) == 2 * 14 * 8
    assert gaps == {120, 120 + 2 * 960}


def test_stretch_by_stretch_it_is_told_what_was_done() -> None:
    rows = measure_long(FakeEngine(), 24)
    assert [row["to_minute"] for row in rows] == [round((i + 1) * 24 / STRETCHES / 60, 1) for i in range(STRETCHES)]
    assert all(row["steps"] > 0 and row["step_p50_ms"] <= row["step_p99_ms"] and row["rss_mb"] > 0 for row in rows)
    assert [row["late"] for row in rows] == sorted(row["late"] for row in rows)


def test_the_command_writes_its_ratios(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(live_long, "QUICK_S", 12)
    file = tmp_path / "long.json"
    assert bench_long(model="tiny", hours=2, quick=True, json_file=file) == 0
    assert set(json.loads(file.read_text())["ratios"]) == {"step_p99_last_to_first", "rss_grown_mb"}
    assert "0.00333 hours of music" in capsys.readouterr().out
