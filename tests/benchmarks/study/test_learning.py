"""How soon is it learned: a handful of steps on made pieces become a page, and figures are what they are called."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.study.learning import LOOKS, QUICK, Learning, Looked, look, said_twice
from benchmarks.study.learning_page import Way, draw_curves, page
from benchmarks.study.paired import Json
from benchmarks.study.training import Deadline, OutOfTime
from benchmarks.study.work import measured, work
from model.tokens.vocabulary import BAR
from model.training.continuing import Continuing
from model.training.validation import validation_crops
from tests.benchmarks.study.made_study import PLAN as MADE
from tests.model.random_networks import random_network
from tests.model.training.test_trainer import CORPUS

PLAN = replace(QUICK, shape=MADE.shape, ways=("mha", "partitioned"), steps=6, batch=2, looks=3, pieces=4)
STUDY = Learning(PLAN)
CROPS = validation_crops(CORPUS, length=128, most=6)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("learning")
    work(STUDY, "made", CORPUS, folder, Deadline(None))
    return folder


def by_way(folder: Path) -> list[Way]:
    found = measured(STUDY, "made", folder)
    return [Way.of(name, [each for run, each in found if run.way == name]) for name in PLAN.ways]


def test_a_run_is_looked_at_as_often_as_planned(folder: Path) -> None:
    for way in by_way(folder):
        assert way.learned.tolist() == [2 * 2 * 128, 4 * 2 * 128, 6 * 2 * 128]
        assert way.held_out.shape[:2] == (1, 3)
        assert (way.curve() > 0).all()


def test_a_run_that_was_cut_forgets_no_look_and_doubles_none(folder: Path, tmp_path: Path) -> None:
    run = next(iter(STUDY.runs("made")))
    with pytest.raises(OutOfTime):
        work(STUDY, "made", CORPUS, tmp_path, Deadline(0.0))
    work(STUDY, "made", CORPUS, tmp_path, Deadline(None))
    whole, cut = (json.loads((place / run.name / LOOKS).read_text()) for place in (folder, tmp_path))
    assert cut == whole
    # A look that was written before the run's state was.
    curve = tmp_path / run.name / "curve.json"
    curve.write_text(json.dumps(json.loads(curve.read_text())[:-1]))
    again = Looked(Continuing(run.config, CORPUS, CROPS), CROPS, [], tmp_path / run.name)
    assert len(again._looks) == len(whole) - 1


def test_a_passage_is_whole_bars_said_twice() -> None:
    for each in said_twice(CROPS, 128):
        first, second = each.tokens[each.first], each.tokens[each.second]
        assert first == second
        assert first[0] in BAR
        assert each.second.stop == len(each.tokens) <= 129


def test_a_look_counts_every_token_of_a_passage_in_its_group() -> None:
    network, repeated = random_network(context=128), said_twice(CROPS, 128)
    found: Json = look(network, CROPS, repeated)
    assert np.sum(found["held out"]["tokens"]) == sum(len(crop) - 1 for crop in CROPS)
    for which in ("first", "second"):
        assert found[which]["tokens"] == found["first"]["tokens"]
        assert np.sum(found[which]["tokens"]) == sum(len(each.tokens[each.first]) for each in repeated)
        assert (np.array(found[which]["nats"]) >= 0).all()


def test_the_page_says_who_is_ahead_and_since_when(folder: Path, tmp_path: Path) -> None:
    ways = by_way(folder)
    rival, ours = ways
    factor = np.array([1.1, 0.9, 0.8])[None, :, None, None]  # behind at first
    ahead = replace(ours, held_out=rival.held_out * factor)
    text = page(PLAN.shape, PLAN.tokens, PLAN.seeds, [rival, ahead], {"command": "made"})
    assert "`partitioned` ends -20.00 (" in text
    assert "(better than it for these seeds" in text
    assert f"ahead for good from {ours.learned[1] / 1e6:.1f} M tokens on" in text
    assert "nan" not in text
    draw_curves(ways, 2, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 1000
