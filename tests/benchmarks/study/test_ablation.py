"""The ablation of PerceiverS: a handful of runs on made pieces become a page, and figures are what they are called."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.study.ablation import QUICK, Ablation, Way
from benchmarks.study.ablation_page import AGAINST, AGREED, COVERAGE, OPEN, direction, page
from benchmarks.study.coverage import draw_coverage
from benchmarks.study.performances import STRETCHES, Music, predicted
from benchmarks.study.training import Deadline
from benchmarks.study.work import measured, work
from model.evaluation.performances import autocorrelation, longest_repeat, passage_of, repeats
from model.networks.perceiver import PRESETS
from model.training.corpus import Corpus
from model.training.segments import Sizes
from music.errors import BadSetting
from music.score import Note
from music.time import Tick
from tests.model.random_performers import random_performer
from tests.model.training.test_performing import CORPUS

TINY = PRESETS["perceivers-tiny"]
PLAN = replace(QUICK, shape=TINY, seeds=1, steps=2, batch=2, pieces=2, samples=4, bars=1)
STUDY = Ablation(PLAN)


def notes_of(*pitches: int, every: int = 100) -> list[Note]:
    return [Note(Tick(i * every), 0, pitch, 64, 50) for i, pitch in enumerate(pitches)]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[Way, list[dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("ablation")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("model.evaluation.sets.SPLITS", 3)
        work(STUDY, "made", CORPUS, folder, Deadline(None))
    found = measured(STUDY, "made", folder)
    return {way: [each for run, each in found if run.way is way] for way in Way}


def test_each_way_adds_to_the_one_before_it() -> None:
    by_way = {run.way: run for run in STUDY.runs("made")}
    assert [by_way[way].config.short for way in Way] == [None, None, 16, 16]
    assert [by_way[way].identity["way"] for way in Way] == ["full", "effective", "effective", "even"]
    assert len({run.name for run in STUDY.runs("made")}) == len(Way)


def test_every_run_has_all_its_figures(results: dict[Way, list[dict[str, Any]]]) -> None:
    for way in Way:
        (one,) = results[way]
        assert np.array(one["nats"]).shape == np.array(one["tokens"]).shape == (2, len(STRETCHES))
        assert all(0 <= figures["oa"][0] <= 1 for figures in one["machine"].values())
        assert len(one["longest"]) == len(one["longest, human"]) == 4


def test_a_page_says_what_is_missing_and_how_sure_it_is(results: dict[Way, list[dict[str, Any]]]) -> None:
    text = page(TINY, PLAN.asked, 3, results, {"command": "made"})
    assert "1 seed(s), 4 pieces of each" in text
    assert "1 of 3 rounds are complete, 8 runs at most are missing" in text
    assert "one cannot tell a step from chance" in text
    assert all(f"| `{way}` |" in text for way in Way)
    assert "nan" not in text
    assert f"]({COVERAGE})" in text


def test_directions_are_those_of_all_seeds() -> None:
    up = np.array([0.1, 0.2, 0.3])
    assert (direction(up, 1), direction(up, -1), direction(up - 0.15, 1)) == (AGREED, AGAINST, OPEN)


def test_every_held_out_token_is_predicted_once() -> None:
    music = Music.of(CORPUS, TINY, pieces=3, spans=2, samples=4, bars=1)
    nats, tokens = predicted(random_performer(), music)
    assert tokens.sum(axis=1).tolist() == [(len(piece) - 1) // TINY.latents * TINY.latents for piece in music.predicted]
    assert tokens[:, 0].tolist() == [TINY.latents] * 3
    assert (nats[tokens > 0] > 0).all()


def test_too_little_human_piano_is_refused() -> None:
    with pytest.raises(BadSetting, match="expected at least 4 held-out pieces"):
        Music.of(Corpus(()), TINY, pieces=3, spans=2, samples=4, bars=1)


def test_a_repetition_is_told_when_it_happens() -> None:
    theme = (60, 62, 64, 65, 67, 69)
    passage = passage_of(notes_of(*theme, 70, 71, 72, *theme, every=120), 1)
    assert repeats(passage) == [0.0, 0.0, pytest.approx(4 / 1.92), 0.0]
    assert repeats(passage_of(notes_of(*range(60, 76)), 1)) == [0.0] * 4


def test_the_longest_repeat_is_counted_in_notes() -> None:
    assert longest_repeat((1, 2, 3, 4, 1, 2, 3, 5)) == 3
    assert longest_repeat((1, 1, 1, 1)) == 3
    assert longest_repeat((1, 2, 3)) == longest_repeat(()) == 0


def test_tokens_that_come_again_correlate_at_their_lag() -> None:
    found = autocorrelation([1, 2] * 40)
    assert found[:3] == [pytest.approx(-0.5), pytest.approx(0.5), pytest.approx(0.5)]
    assert np.isnan(found[-1])


def test_the_study_is_in_the_readme() -> None:
    assert "| `tradefours study perceivers` |" in (Path(__file__).parents[3] / "README.md").read_text()


def test_how_often_tokens_are_asked_for_is_drawn(tmp_path: Path) -> None:
    draw_coverage(Sizes(latents=8, context=32), tmp_path / COVERAGE)
    assert (tmp_path / COVERAGE).read_bytes().startswith(b"\x89PNG")
