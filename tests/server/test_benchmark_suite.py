"""`tradefours benchmark-suite` from prompts to table, on a small set of our own."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from music.files import read_midi
from server.benchmark_suite import suite
from tests.conftest import ROOT
from tests.model.evaluation.suite.made_set import made_archive, made_prompts, made_set

DOCS = (ROOT / "docs/benchmark-suite.md").read_text()


@pytest.fixture
def small_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model.evaluation.suite.prompts.prompt_set", made_set)
    monkeypatch.setenv("TRADEFOURS_CORPUS", str(made_archive()))


def call(*arguments: str | Path) -> str:
    result = CliRunner().invoke(suite, [str(each) for each in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


@pytest.mark.usefixtures("small_set")
def test_an_entry_of_the_prompts_themselves_goes_all_the_way(tmp_path: Path) -> None:
    call("prompts", "--out", tmp_path / "prompts")
    files = sorted((tmp_path / "prompts").glob("*.mid"))
    assert [file.stem for file in files] == sorted(prompt.place.name for prompt in made_prompts())
    assert read_midi(files[0]).notes
    files[0].unlink()
    told = call("score", tmp_path / "prompts", "--name", "echo", "--out", tmp_path / "results")
    assert re.search(r"echo: NMSI \d+\.\d .*; files: 1 missing, 15 short", told)
    results = json.loads((tmp_path / "results/echo.json").read_text())
    assert results["files"]["missing"] == [files[0].stem]
    call("table", tmp_path / "results", "--out", tmp_path / "table.md")
    assert "| echo | 1 | 0 | 0 | 15 | - |" in (tmp_path / "table.md").read_text()


@pytest.mark.usefixtures("small_set")
def test_all_of_it_in_one_command_with_a_network_of_chance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model.evaluation.suite.prompts.QUICK", {"multi": 2, "piano": 1})
    monkeypatch.setattr("model.evaluation.suite.writing.TIMED", 1)
    monkeypatch.setattr("os.nice", lambda _: 0)  # the other tests are in this process, too
    call("all", "--model", "tiny", "--quick", "--out", tmp_path)
    table = (tmp_path / "table.md").read_text()
    assert re.search(r"^\| truth \| 100\.0", table, re.MULTILINE)
    assert re.search(r"^\| tiny \| 0 \| 0 \| \d+ \| \d+ \| \d+ \| [\d.]+ \| ", table, re.MULTILINE)
    assert {file.stem for file in (tmp_path / "results").iterdir()} == {
        "truth", "prompt-repeated", "other-piece", "random-order", "silence", "tiny",
    }  # fmt: skip
    again = (tmp_path / "results/tiny.json").read_text()
    call("score", tmp_path / "entries/tiny", "--quick", "--out", tmp_path / "results")
    assert (tmp_path / "results/tiny.json").read_text() == again


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["prompts", "--out", "x", "--corpus", "nowhere.tar.xz"], "expected the archive of MIDI"),
        (["score", "a", "b", "--name", "x"], "expected --name with one folder, got 2"),
        (["score", "a", "--name", "../x"], "expected --name of letters"),
        (["table", "nowhere"], "expected a folder of results, got nowhere"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: list[str], words: str) -> None:
    with pytest.raises(Exception, match=re.escape(words)):
        call(*arguments)


def test_every_command_is_described() -> None:
    names = {each.name or each.callback.__name__ for each in suite.registered_commands if each.callback}
    assert names == {"prompts", "run", "baselines", "score", "table", "all", "choose"}
    for name in names:
        assert f"tradefours benchmark-suite {name}" in DOCS


def test_every_baseline_and_figure_is_described() -> None:
    from model.evaluation.suite.baselines import BASELINES
    from model.evaluation.suite.table import COLUMNS

    for name in (*BASELINES, *COLUMNS.values()):
        assert f"`{name}`" in DOCS
