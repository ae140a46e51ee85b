"""Prompts are chosen by rule: the same ones every time, from what is held out, no bar twice, every source in turn."""

from collections import defaultdict

from model.evaluation.suite.choice import choose
from model.evaluation.suite.prompts import Place
from model.evaluation.trials import ANSWER_BARS, PROMPT_BARS
from model.training.archive import members
from model.training.cleaning import build_corpus
from tests.model.evaluation.suite.made_set import made_archive, made_set, made_text


def test_the_same_archive_gives_the_same_prompts() -> None:
    corpus = build_corpus(members(made_archive()), progress=lambda: None)
    assert choose(made_archive(), corpus, "valid") == made_text()


def test_what_is_not_held_out_gives_none() -> None:
    corpus = build_corpus(members(made_archive()), progress=lambda: None)
    assert '"prompts": [\n\n]' in choose(made_archive(), corpus, "train")


def test_each_piece_gives_its_two_stretches_and_they_do_not_overlap() -> None:
    bars = defaultdict(list)
    for place in made_set().places:
        bars[place.path].append(place.bar)
    assert len(bars) == 8
    for of_piece in bars.values():
        first, second = sorted(of_piece)
        assert second - first >= PROMPT_BARS + ANSWER_BARS


def test_pianos_and_bands_are_told_apart_and_sources_and_pieces_take_turns() -> None:
    def source(place: Place) -> str:
        return made_set().pieces[place.path]["source"]

    kinds = {place.kind: source(place).startswith("piano") for place in made_set().places}
    assert kinds == {"multi": False, "piano": True}
    bands = [place for place in made_set().places if place.kind == "multi"]
    assert [source(place) for place in bands[:4]] == ["band0", "band1", "band0", "band1"]
    assert len({place.path for place in bands[:4]}) == 4
