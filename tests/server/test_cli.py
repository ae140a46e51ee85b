"""The command line: one sentence for what is wrong, exit code not 0, nothing written."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from model.checkpoint import save_network
from music.errors import BadSetting, TradefoursError
from music.files import read_midi, save_midi
from server.cli import app, main
from server.composing import bar_after, bars_on, first_bars
from tests.conftest import ROOT
from tests.model.random_performers import random_performer
from tests.model.training.made_corpus import made_archive, scale_score
from tests.server.processes import free_port, server_process


def tradefours(*arguments: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "server.cli", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120)


Refuse = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Refuse:
    """As `tradefours`, for what comes to nothing: in this process, which need not import everything each time."""

    def run(*arguments: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
        command = ["tradefours", *map(str, arguments)]
        monkeypatch.chdir(cwd)
        monkeypatch.setattr(sys, "argv", command)
        with pytest.raises(SystemExit) as left:
            main()
        said, complained = capsys.readouterr()
        return subprocess.CompletedProcess(command, int(left.value.code or 0), said, complained)

    return run


def assert_one_sentence(result: subprocess.CompletedProcess[str], *words: str) -> None:
    assert result.returncode == 1
    assert result.stdout == ""
    assert len(result.stderr.strip().splitlines()) == 1
    assert all(word in result.stderr for word in words), result.stderr


@pytest.fixture
def scale_file(tmp_path: Path) -> Path:
    path = tmp_path / "scale.mid"
    save_midi(scale_score(4), path)
    return path


def test_every_command_of_the_readme_is_there() -> None:
    names = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    assert names == {"run", "serve", "bridge", "replay", "generate", "train", "evaluate", "doctor"}


def test_generate_adds_the_bars_asked_for_and_leaves_the_prompt_alone(scale_file: Path, tmp_path: Path) -> None:
    target, png = tmp_path / "out.mid", tmp_path / "out.png"
    result = tradefours("generate", scale_file, target, "--bars", "2", "--model", "tiny", "--png", png)
    assert result.returncode == 0, result.stderr
    assert "distinct pitches" in result.stdout
    before, after = read_midi(scale_file), read_midi(target)
    joint = bar_after(before)
    ours = [note for note in after.notes if note.onset < joint]
    assert [(n.onset, n.pitch, n.velocity) for n in ours] == [(n.onset, n.pitch, n.velocity) for n in before.notes]
    assert all(note.onset < joint + 2 * 1920 for note in after.notes)
    assert png.read_bytes().startswith(b"\x89PNG")


def test_a_server_writes_what_is_written_here(scale_file: Path, tmp_path: Path) -> None:
    options = ["--mode", "accompany", "--program", "33", "--bars", "2", "--seed", "9", "--variations", "2"]
    options += ["--key", "C major", "--chords", "C | G7"]

    def generate(name: str, *more: str) -> None:
        result = CliRunner().invoke(app, ["generate", str(scale_file), str(tmp_path / name), *options, *more])
        assert result.exit_code == 0, result.exception

    generate("here.mid", "--model", "tiny")
    with server_process(port := free_port(), generations=tmp_path / "kept"):
        generate("there.mid", "--server", f"http://127.0.0.1:{port}")
    for number in ("01", "02"):
        pieces = [(tmp_path / f"{name}-{number}.mid").read_bytes() for name in ("here", "there")]
        assert pieces[0] == pieces[1]
        assert 33 in {part.program for part in read_midi(pieces[0]).parts}


@pytest.mark.parametrize(
    ("option", "words"),
    [("--bars=0", "bars"), ("--key=H", "key"), ("--part=3", "parts below 2"), ("--from-bar=2", "prompt_bars")],
)
def test_generate_refuses_options_that_make_no_sense(scale_file: Path, tmp_path: Path, option: str, words: str) -> None:
    command = ["generate", str(scale_file), str(tmp_path / "out.mid"), option, "--model", "tiny"]
    result = CliRunner().invoke(app, command)
    assert isinstance(result.exception, BadSetting)
    assert words in str(result.exception)


@pytest.fixture(scope="module")
def pianist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights") / "pianist"
    save_network(random_performer(), folder, about={})
    return folder


def generated(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["generate", *map(str, arguments)])


def test_solo_piano_is_written_with_and_without_a_prompt(pianist: Path, scale_file: Path, tmp_path: Path) -> None:
    out, png = tmp_path / "out.mid", tmp_path / "out.png"
    result = generated(scale_file, out, "--model", pianist, "--minutes", 0.05, "--png", png)
    assert result.exit_code == 0, result.exception
    assert "continuation" in result.stdout
    assert png.read_bytes().startswith(b"\x89PNG")
    before, after = read_midi(scale_file), read_midi(out)
    assert set(before.notes) <= set(after.notes)
    assert len(after.notes) > len(before.notes)

    result = generated(out, "--model", pianist, "--seconds", 1, "--variations", 2)
    assert result.exit_code == 0, result.exception
    assert result.stdout == ""
    assert all(read_midi(tmp_path / f"out-{number:02}.mid").notes for number in (1, 2))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--bars", "4"], "expected no bars with a network for solo piano, got 4"),
        (["--mode", "accompany"], "expected mode continue"),
        (["--minutes", "1", "--seconds", "60"], "expected minutes or seconds, got both"),
    ],
)
def test_solo_piano_knows_no_bars_and_no_parts(pianist: Path, tmp_path: Path, options: list[str], words: str) -> None:
    result = generated(tmp_path / "out.mid", "--model", pianist, *options)
    assert isinstance(result.exception, BadSetting)
    assert words in str(result.exception)


def test_a_file_that_is_there_is_not_written_over_by_music_from_nothing(scale_file: Path) -> None:
    before = scale_file.read_bytes()
    result = generated(scale_file, "--model", "tiny", "--bars", 1)
    assert isinstance(result.exception, TradefoursError)
    assert "expected IN.mid OUT.mid" in str(result.exception)
    assert scale_file.read_bytes() == before


def test_generate_takes_two_files_at_most() -> None:
    assert generated("a.mid", "b.mid", "c.mid").exit_code == 2


@pytest.mark.parametrize("case", ["truncated", "text", "huge", "missing", "folder"])
def test_generate_refuses_what_is_no_midi_file(refused: Refuse, case: str, scale_file: Path, tmp_path: Path) -> None:
    source = tmp_path / "bad.mid"
    if case == "truncated":
        source.write_bytes(scale_file.read_bytes()[:-20])
    elif case == "text":
        source.write_text("four bars of text\n")
    elif case == "huge":
        with source.open("wb") as file:
            file.truncate(50_000_000)
    elif case == "folder":
        source.mkdir()
    result = refused("generate", source, tmp_path / "out.mid", "--model", "tiny")
    assert_one_sentence(result, "expected", "got")
    assert "Errno" not in result.stderr
    assert not (tmp_path / "out.mid").exists()


def test_a_model_that_is_not_there_is_named(refused: Refuse, scale_file: Path, tmp_path: Path) -> None:
    result = refused("generate", scale_file, tmp_path / "out.mid", "--model", "nobody")
    assert_one_sentence(result, "nobody")


@pytest.mark.parametrize(
    ("target", "png"), [("no/out.mid", "out.png"), (".", "out.png"), ("out.mid", "out.foo"), ("out.mid", "no/out.png")]
)
def test_what_cannot_be_written_is_told_before_the_work(
    refused: Refuse, scale_file: Path, tmp_path: Path, target: str, png: str
) -> None:
    result = refused("generate", scale_file, tmp_path / target, "--png", tmp_path / png, "--model", "nobody")
    assert_one_sentence(result, "expected", "got" if target == "." or png == "out.foo" else "found none at")
    assert "nobody" not in result.stderr


def test_what_the_system_refuses_is_one_sentence(scale_file: Path, tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.touch()
    archive = made_archive(tmp_path / "made.tar.xz")
    result = tradefours("train", "--preset", "tiny", "--corpus", archive, "--run", taken, cwd=tmp_path)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == f"expected to read or write {taken}, got: File exists"
    assert "Traceback" not in result.stderr


def test_a_corpus_must_be_named_or_built(refused: Refuse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TRADEFOURS_CORPUS", raising=False)
    for command in ("train", "evaluate"):
        assert_one_sentence(refused(command, cwd=tmp_path), "--corpus", "TRADEFOURS_CORPUS", "corpus build")
    monkeypatch.setenv("TRADEFOURS_CORPUS", "nothing.tar.xz")
    assert_one_sentence(refused("train", cwd=tmp_path), "nothing.tar.xz")


def test_figures_that_cannot_be_written_are_told_before_the_work(refused: Refuse, tmp_path: Path) -> None:
    result = refused("evaluate", "nobody", "--corpus", tmp_path, "--json", tmp_path / "no" / "x.json")
    assert_one_sentence(result, "x.json")


def test_without_the_extra_a_command_of_the_server_says_what_to_install() -> None:
    code = "import sys; sys.modules['torch'] = None; from server.cli import main; main()"
    command = [sys.executable, "-c", code, "evaluate"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert_one_sentence(result, "got no torch", "pip install '.[server]'")


def test_a_public_address_is_refused_unless_meant(refused: Refuse) -> None:
    assert_one_sentence(refused("serve", "--host", "0.0.0.0", "--model", "tiny"), "--key-file", "--public")


def test_a_wrong_bridge_setting_is_told_before_any_port_opens() -> None:
    assert_one_sentence(tradefours("bridge", "--bpm", "5000"), "bpm", "5000")


@pytest.mark.parametrize("asked", [("--in", "piano"), ("--out", "piano"), ("--api", "oss")])
def test_who_names_a_port_is_not_left_without(monkeypatch: pytest.MonkeyPatch, asked: tuple[str, str]) -> None:
    if asked[0] != "--api":
        monkeypatch.setenv("TRADEFOURS_MIDI_API", "none")
    assert_one_sentence(tradefours("run", *asked, "--port", "0", "--model", "tiny"), "expected a MIDI system out of")


def test_a_corpus_is_built_of_what_exists(refused: Refuse, tmp_path: Path) -> None:
    result = refused("corpus", "build", tmp_path / "nowhere.tar.xz", cwd=tmp_path)
    assert "does not exist" in result.stderr


def test_a_corpus_is_built_trained_on_and_evaluated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TRADEFOURS_CORPUS", raising=False)
    archive = made_archive(tmp_path / "made.tar.xz")
    built = tradefours("corpus", "build", archive, cwd=tmp_path)
    assert built.returncode == 0, built.stderr
    assert "| made | 9, 2, 0 |" in built.stdout
    assert "| all | 11 | 1 |" in built.stdout
    trained = tradefours("train", "--preset", "tiny", "--minutes", "0.03", "--length", "128", cwd=tmp_path)
    assert trained.returncode == 0, trained.stderr
    assert "1 files left out" in trained.stdout
    figures = tmp_path / "figures.json"
    run = tmp_path / "runs" / "tiny" / "best"
    common = ("--from", run, "--length", "128", "--corpus", archive, "--run", tmp_path / "more")
    again = tradefours("train", *common, "--minutes", "0.01", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    other = tradefours("train", *common, "--preset", "small", cwd=tmp_path)
    assert_one_sentence(other, "expected the shape of")
    evaluated = tradefours("evaluate", run, "--quick", "--json", figures, cwd=tmp_path)
    assert evaluated.returncode == 0, evaluated.stderr
    assert "| per note |" in evaluated.stdout
    assert json.loads(figures.read_text())["nll_per_note_5gram"] > 0
    out = tmp_path / "runs" / "evaluation" / "best"
    assert (out / "report.md").read_text() in evaluated.stdout
    assert (out / "figures.json").read_text() == figures.read_text()
    assert {"contact-sheet.png", "figures.png"} < {file.name for file in out.iterdir()}
    assert read_midi(out / "listen" / "continuation-01-made.mid").notes


def test_ctrl_c_ends_training_with_one_line_and_keeps_what_was_learnt(tmp_path: Path) -> None:
    archive = made_archive(tmp_path / "made.tar.xz")
    folder = tmp_path / "run"
    command = [sys.executable, "-m", "server.cli", "train", "--preset", "tiny", "--length", "128"]
    command += ["--corpus", str(archive), "--run", str(folder)]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE) as process:
        try:
            assert process.stderr is not None
            while b"nll=" not in (said := os.read(process.stderr.fileno(), 1 << 16)):  # until the first step is done
                assert said
            process.send_signal(signal.SIGINT)
            last = process.stderr.read().decode().splitlines()[-1]
            assert process.wait(60) == 130
        finally:
            process.kill()
    assert re.fullmatch(rf"stopped after \d+ steps; the same command goes on from {re.escape(str(folder))}", last)
    assert (folder / "state.pt").exists()


def test_doctor_says_what_it_found_as_json() -> None:
    result = tradefours("doctor", "--model", "tiny", "--json")
    findings = json.loads(result.stdout)
    assert findings["decode_ms"] > 0
    assert findings["fit"] is (findings["advice"] == [])
    assert result.returncode == (0 if findings["fit"] else 1)


def test_doctor_looks_at_the_ports_of_a_laptop_that_has_no_server() -> None:
    without_torch = "import sys; sys.modules['torch'] = None; sys.argv = ['tradefours', 'doctor', '--json']"
    command = [sys.executable, "-c", f"{without_torch}; from server.cli import main; main()"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    findings = json.loads(result.stdout)
    assert findings["midi_system"] or findings["advice"]
    assert findings["backend"].startswith("none")
    assert findings["decode_ms"] is None


def test_the_first_bars_are_cut_at_their_bar_line() -> None:
    score = first_bars(scale_score(4), 2)
    assert bar_after(score) == 2 * 1920
    assert max(note.end for note in score.notes) <= 2 * 1920
    assert bars_on(score, bar_after(score), 3) == 5 * 1920
