"""A network for solo piano is evaluated: a report with every table, figures that are JSON, pictures and MIDI."""

import json
from pathlib import Path

import pytest

from model.checkpoint import save_network
from model.training.shards import save_corpus
from music.errors import BadSetting
from music.files import read_midi
from server.evaluate import evaluate_model
from server.settings import Settings
from tests.model.random_networks import random_network
from tests.model.random_performers import random_performer
from tests.model.training.test_performing import CORPUS


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    save_corpus(CORPUS, tmp_path / "made.corpus")
    return tmp_path / "made.corpus"


def test_prediction_sets_and_repetition_are_told_beside_humans(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("model.evaluation.sets.SPLITS", 3)
    save_network(random_performer(), tmp_path / "pianist", about={})
    out, figures = tmp_path / "out", tmp_path / "figures.json"
    settings = Settings(model=str(tmp_path / "pianist"), engine="torch")
    evaluate_model(settings, corpus, quick=True, out=out, json_file=figures, seed=0, samples=6, tokens=100)
    text = (out / "report.md").read_text()
    assert text in capsys.readouterr().out
    assert "6 pieces of 100 tokens from nothing" in text
    found = json.loads(figures.read_text())
    assert found["nats_per_token/valid/5-gram"][0] < found["nats_per_token/valid/network"][0]  # which knows nothing
    assert found["streaming/divergence of rolling from exact, nats"][0] > 0
    assert found["streaming/exact, nats a token"][0] != found["streaming/rolling, nats a token"][0]
    assert 0 <= found["overlap_area/machine/mean"][0] <= 1
    assert sum(name.startswith("overlap_area/human/") for name in found) == 14
    for who in ("machine", "human"):
        assert found[f"habits/{who}/repetitions a second, quarter 4"][0] >= 0
    assert found["habits/human/longest repetition, notes"][0] > found["habits/machine/longest repetition, notes"][0]
    for picture in ("rolls.png", "long-piece.png"):
        assert (out / picture).read_bytes().startswith(b"\x89PNG")
    (long,) = [line for line in text.splitlines() if line.startswith("| machine | 31 |")]
    assert read_midi((out / "listen" / "long-piece.mid").read_bytes()).notes
    assert int(long.split("|")[3]) > 0
    assert read_midi((out / "listen" / "sample-01.mid").read_bytes()).notes


def test_more_than_there_is_of_humans_is_refused(corpus: Path, tmp_path: Path) -> None:
    save_network(random_performer(), tmp_path / "pianist", about={})
    settings = Settings(model=str(tmp_path / "pianist"), engine="torch")
    with pytest.raises(
        BadSetting, match="expected at least 6 samples and as many held-out pieces of 5000 tokens, got 8 and 0"
    ):
        evaluate_model(settings, corpus, quick=True, out=tmp_path, json_file=None, seed=0, tokens=5000)


def test_samples_are_of_solo_piano_alone(corpus: Path, tmp_path: Path) -> None:
    save_network(random_network(), tmp_path / "band", about={})
    settings = Settings(model=str(tmp_path / "band"), engine="torch")
    with pytest.raises(BadSetting, match="with a network for solo piano only"):
        evaluate_model(settings, corpus, quick=True, out=tmp_path, json_file=None, seed=0, samples=4)
