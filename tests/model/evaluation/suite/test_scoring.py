"""Hand-made cases have the figures that they must have, and the same files the same ones."""

from dataclasses import replace

import pytest

from model.evaluation.passage import Passage
from model.evaluation.suite.baselines import BASELINES, truth
from model.evaluation.suite.entries import Entry
from model.evaluation.suite.results import Results
from model.evaluation.suite.scoring import score
from tests.model.evaluation.suite.made_set import made_prompts, made_set


def scored(passages: list[Passage], name: str = "made") -> Results:
    entry = Entry(tuple(passages), (), {}, (), ())
    return score(name, entry, made_prompts(), made_set(), quick=False, speed=None)


def nmsi(passages: list[Passage], group: str = "all") -> float:
    return scored(passages).figures[group]["nmsi"].value


def test_the_truth_has_a_hundred_in_every_group() -> None:
    results = scored(truth(made_prompts()))
    assert set(results.figures) == {"all", "multi", "piano"}
    for figures in results.figures.values():
        assert (figures["nmsi"].value, figures["nmsi"].low) == (100, 100)
        assert figures["chroma"].value == figures["groove"].value == 1


def test_silence_has_no_chroma_no_groove_and_nothing_that_tells_of_notes() -> None:
    figures = scored(BASELINES["silence"](made_prompts())).figures["all"]
    assert figures["chroma"].value == figures["groove"].value == figures["density"].value == 0
    assert not {"pitch_class_entropy", "scale_consistency", "groove_consistency"} & set(figures)


def test_leaving_out_a_prompt_costs_its_share() -> None:
    whole = truth(made_prompts())
    missing = [replace(whole[0], notes=()), *whole[1:]]
    gone = nmsi(missing)
    assert gone < nmsi(whole) - 0.5 * 100 / len(whole)


def test_the_baselines_stand_in_the_order_that_they_must() -> None:
    found = {name: nmsi(play(made_prompts())) for name, play in BASELINES.items()}
    assert found["truth"] > found["random-order"] > found["silence"]
    assert found["truth"] > found["other-piece"] > found["silence"]


def test_groups_are_scored_apart() -> None:
    silent_pianos = [replace(p.truth, notes=()) if p.place.kind == "piano" else p.truth for p in made_prompts()]
    assert nmsi(silent_pianos, "multi") == pytest.approx(100)
    assert nmsi(silent_pianos, "piano") < 60


def test_the_same_files_have_the_same_figures() -> None:
    played = BASELINES["random-order"](made_prompts())
    assert scored(played).model_dump_json() == scored(played).model_dump_json()


def test_a_small_set_has_no_figures_of_sets() -> None:
    results = scored(truth(made_prompts()))
    assert results.pieces == {"all": 8, "multi": 5, "piano": 3}
    assert "overlap_area" not in results.figures["all"]


def test_as_many_pieces_as_a_set_needs_have_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model.evaluation.suite.scoring.FEWEST_PIECES", 8)
    figures = scored(truth(made_prompts())).figures["all"]
    assert figures["overlap_area_share"].value == pytest.approx(1)
    assert {"kld", "kld_legacy", "overlap_area_pc_seg", "kld_ioi"} <= set(figures)
