"""A listening test: equally loud, blind, of the music that it was made of; and its answers are counted as given."""

import json
import re
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from model.evaluation.loudness import loudness
from music.errors import BadMidi, BadSetting, TradefoursError
from music.files import save_midi
from music.score import Note, Part, Score
from music.time import Meter, MeterChange, Tempo, Tick
from server.listening_kit import draw, joined, key_path, read_key
from server.listening_test import QUESTION, listening
from server.synth import can_render
from tests.conftest import ROOT

needs_sound = pytest.mark.skipif(not can_render(), reason="needs fluidsynth and a sound font")


def call(*arguments: str | Path) -> str:
    result = CliRunner().invoke(listening, [str(each) for each in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


def save_tunes(folder: Path, *, velocity: int, count: int = 2) -> Path:
    folder.mkdir()
    for i in range(count):
        notes = tuple(Note(Tick(k * 240), 0, 60 + i + k, velocity, 240) for k in range(4))
        save_midi(Score((Part(0),), notes), folder / f"tune-{i}.mid")
    return folder


@pytest.fixture
def kit(tmp_path: Path) -> Path:
    quiet, loud = save_tunes(tmp_path / "quiet", velocity=30), save_tunes(tmp_path / "loud", velocity=120)
    call("build", "--a", quiet, "--b", loud, "--out", tmp_path / "kit")
    return tmp_path / "kit"


def told(kit: Path) -> dict[str, Any]:
    text = (kit / "test.js").read_text()
    found: dict[str, Any] = json.loads(text.removeprefix("globalThis.TEST = ").rstrip(";\n"))
    return found


@needs_sound
def test_quiet_and_loud_players_are_equally_loud(kit: Path) -> None:
    for pair in told(kit)["pairs"]:
        found = []
        for clip in pair["clips"]:
            with wave.open(str(kit / "audio" / f"{clip}.wav")) as file:
                assert file.getnchannels() == 1
                samples = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 2**15
                found.append(loudness(samples, file.getframerate()))
        assert found[0] == pytest.approx(found[1], abs=0.05)


@needs_sound
def test_nothing_in_the_folder_tells_who_is_who_and_the_key_beside_it_does(kit: Path) -> None:
    files = [file for file in kit.rglob("*") if file.is_file()]
    for file in files:
        content = file.read_bytes()
        assert not any(word in content for word in (b"quiet/", b"loud/", b"tune-", b".mid"))
    assert all(re.fullmatch(r"[0-9a-f]{16}\.wav", file.name) for file in (kit / "audio").iterdir())
    assert len({file.stat().st_mtime for file in (kit / "audio").iterdir()}) == 1
    key = read_key(key_path(kit))
    assert (key.a, key.b) == ("quiet", "loud")
    for pair in told(kit)["pairs"]:
        assert {key.clips[clip] for clip in pair["clips"]} == {"a", "b"}
        assert key.files[pair["id"]].startswith("tune-")


def test_what_goes_on_begins_at_the_bar_line_with_the_same_players() -> None:
    before = Score((Part(5), Part(9)), (Note(Tick(0), 0, 60, 80, 480), Note(Tick(1900), 1, 62, 80, 960)))
    after = Score(
        (Part(9), Part(3)),
        (Note(Tick(0), 0, 64, 80, 240), Note(Tick(240), 1, 65, 80, 240)),
        (Tempo.from_bpm(60),),
        (MeterChange(Tick(0), Meter(3, 4)),),
    )
    whole = joined(before, after)
    assert [(n.onset, n.part, n.end) for n in whole.notes] == [
        (0, 0, 480), (1900, 1, 1920), (1920, 1, 2160), (2160, 2, 2400),
    ]  # fmt: skip
    assert [part.program for part in whole.parts] == [5, 9, 3]
    assert [tempo.tick for tempo in whole.tempos] == [0, 1920]
    assert whole.meters == (MeterChange(Tick(1920), Meter(3, 4)),)


def test_pairs_are_drawn_by_the_seed() -> None:
    names = [f"n{i}" for i in range(40)]
    assert draw(names, None, 1) == draw(names, 50, 1) == names
    assert draw(names, 5, 1) == draw(names, 5, 1) != draw(names, 5, 2)
    assert set(draw(names, 5, 1)) < set(names)


@needs_sound
def test_what_is_no_pair_is_refused(tmp_path: Path) -> None:
    one, other = save_tunes(tmp_path / "one", velocity=80), tmp_path / "other"
    with pytest.raises(BadSetting, match="other, which is none"):
        call("build", "--a", one, "--b", other, "--out", tmp_path / "kit")
    other.mkdir()
    with pytest.raises(BadSetting, match="of the same names"):
        call("build", "--a", one, "--b", other, "--out", tmp_path / "kit")
    (other / "tune-0.mid").write_bytes(b"noise")
    with pytest.raises(BadMidi, match=r"expected music in .*tune-0.mid, got: expected"):
        call("build", "--a", one, "--b", other, "--out", tmp_path / "kit")
    with pytest.raises(BadSetting, match="expected an empty folder"):
        call("build", "--a", one, "--b", one, "--out", one)


CLIPS = {"c0": "a", "c1": "b", "c2": "a", "c3": "b"}
KEY = {"format": "tradefours listening-test key 1", "test": "t", "a": "small", "b": "truth", "clips": CLIPS}
KEY |= {"files": {"p0": "x", "p1": "y"}, "questions": [QUESTION]}


@pytest.fixture
def key(tmp_path: Path) -> Path:
    (tmp_path / "key.json").write_text(json.dumps(KEY))
    return tmp_path / "key.json"


def answers(tmp_path: Path, seed: int, *better: str | None, **other: object) -> Path:
    rows = [
        {"pair": f"p{i}", "question": QUESTION, "clips": [f"c{2 * i}", f"c{2 * i + 1}"], "better": each}
        for i, each in enumerate(better)
    ]
    file = tmp_path / f"{seed}.json"
    whole = {"format": "tradefours listening-test result 1", "test": "t", "seed": seed, "answers": rows, **other}
    file.write_text(json.dumps(whole))
    return file


def test_answers_are_counted_by_who_made_the_clips(tmp_path: Path, key: Path) -> None:
    files = [answers(tmp_path, 1, "c1", "c3"), answers(tmp_path, 2, "c0", "c3"), answers(tmp_path, 3, "c1", None)]
    table = call("rates", *files, "--key", key, "--json", tmp_path / "rates.json")
    assert f"| {QUESTION} | 1 | 4 | 1 | 0.200 (0.005 to 0.716) | 0.375 | 0.33 |" in table
    figures = json.loads((tmp_path / "rates.json").read_text())
    assert figures["listeners"] == 3
    assert figures["questions"][QUESTION]["rate"] == 0.2


def test_answers_to_something_else_are_refused(tmp_path: Path, key: Path) -> None:
    refused = {
        "got one of other": answers(tmp_path, 1, "c1", test="other"),
        "got others": answers(tmp_path, 2, "c3"),
        "got:": answers(tmp_path, 3, "c1", format="x"),
    }
    for words, file in refused.items():
        with pytest.raises(TradefoursError, match=words):
            call("rates", file, "--key", key)
    twice = answers(tmp_path, 4, "c1")
    with pytest.raises(TradefoursError, match="one of them twice"):
        call("rates", twice, twice, "--key", key)
    with pytest.raises(TradefoursError, match="expected the key of a listening test"):
        call("rates", twice, "--key", twice)


def test_every_command_is_described() -> None:
    text = (ROOT / "docs/listening-test.md").read_text()
    for command in listening.registered_commands:
        assert command.callback is not None
        assert f"tradefours listening-test {command.callback.__name__}" in text
