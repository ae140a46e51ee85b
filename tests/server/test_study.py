"""The study as its users start it: one command from a corpus to a page, and nothing twice."""

from pathlib import Path

import pytest
from typer.models import CommandInfo
from typer.testing import CliRunner

from benchmarks.study import sharing, speed
from model.networks.config import PRESETS
from music.errors import BadSetting
from server.cli import app
from server.study import study
from tests.benchmarks.study.made_study import PLAN
from tests.model.training.made_corpus import made_archive

README = Path(__file__).parents[2] / "README.md"


def test_a_corpus_becomes_a_page_and_the_same_command_trains_nothing_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sharing, "QUICK", PLAN)
    monkeypatch.setattr(speed, "preset", lambda name: PRESETS["tiny"])
    command = ["study", "sharing", "--quick", "--corpus", str(made_archive(tmp_path / "made.tar.xz"))]
    whole = CliRunner().invoke(app, command)
    assert whole.exit_code == 0, whole.output
    page = tmp_path / "docs/studies/sharing.md"
    assert "0 of 2 places in the tables are empty" in page.read_text()
    weights = {file: file.stat().st_mtime_ns for file in tmp_path.glob("runs/sharing/*/weights.safetensors")}
    assert len(weights) == len(PLAN.ways)
    again = CliRunner().invoke(app, command)
    assert again.exit_code == 0, again.output
    assert weights == {file: file.stat().st_mtime_ns for file in tmp_path.glob("runs/sharing/*/weights.safetensors")}


@pytest.mark.parametrize("command", study.registered_commands)
def test_every_study_is_in_the_readme(command: CommandInfo) -> None:
    assert command.callback is not None
    assert f"| `tradefours study {command.callback.__name__}` |" in README.read_text()


def test_a_study_that_lacks_a_package_says_which_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.study.find_spec", lambda name: None)
    result = CliRunner().invoke(app, ["study", "bpe", "--quick"])
    assert isinstance(result.exception, BadSetting)
    assert "expected the package `tokenizers`" in str(result.exception)
