"""Reports say what was measured, and where."""

import json
from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.report import Row, commit, cpu, table, write_report
from music.errors import TradefoursError

ROWS: list[Row] = [{"mode": "duet", "ms": 1.2345, "notes": 7}, {"mode": "answer", "ms": None, "notes": 0}]
RATIOS = {"fast": 0.123456}


def test_a_table_has_a_column_for_every_key_and_a_line_for_every_row() -> None:
    assert table(ROWS) == "| mode | ms | notes |\n| --- | --- | --- |\n| duet | 1.23 | 7 |\n| answer | - | 0 |"


def test_the_json_says_what_where_and_when(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "figures.json"
    write_report("live", ROWS, {"notes_on": 7}, file)
    found = json.loads(file.read_text())
    assert list(found) == ["bench", "commit", "cpu", "date", "rows", "ratios"]
    assert found["rows"] == ROWS
    assert found["ratios"] == {"notes_on": 7}
    assert (found["bench"], found["commit"], found["cpu"]) == ("live", commit(), cpu())
    assert table(ROWS) in capsys.readouterr().out


def test_a_file_that_cannot_be_written_is_named_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(TradefoursError, match=r"expected to write .*nowhere"):
        write_report("live", ROWS, {}, tmp_path / "nowhere" / "figures.json")


def test_outside_a_checkout_the_commit_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "ROOT", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert commit() == "unknown"


def test_the_processor_is_told_with_the_cores_that_we_have() -> None:
    cores, _, name = cpu().partition(" x ")
    assert int(cores) >= 1
    assert name


def test_ratios_and_notes_follow_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    write_report("live", ROWS, RATIOS, None, ["A peer is skipped."])
    printed = capsys.readouterr().out
    assert printed.index(table(ROWS)) < printed.index("| fast | 0.123 |") < printed.index("A peer is skipped.")
