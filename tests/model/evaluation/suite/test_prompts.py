"""The set in the repository is what it says, holds no music, and is read from the files that it was chosen from."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from model.evaluation.suite.prompts import FILE, KINDS, QUICK, prompt_set, read_prompts
from model.training.shards import load_corpus
from music.errors import BadCheckpoint
from music.files import read_midi, write_midi
from tests.model.evaluation.suite.made_set import made_archive, made_prompts, made_set


def test_the_set_is_as_large_as_it_says_and_every_prompt_is_another() -> None:
    places = prompt_set().places
    counts = {kind: sum(place.kind == kind for place in places) for kind in KINDS}
    assert counts["multi"] >= 300
    assert counts["piano"] >= 100
    assert len({place.name for place in places}) == len({(p.path, p.bar) for p in places}) == len(places)


def test_every_piece_has_a_licence_and_a_hash_and_nothing_else_but_names() -> None:
    for about in prompt_set().pieces.values():
        assert set(about) == {"sha256", "source", "licence", "piece"}
        assert about["licence"]
        assert len(about["sha256"]) == 64
    assert set(json.loads(FILE.read_text())) == {"pieces", "prompts"}


def test_quick_is_the_beginning_of_each_kind_and_has_the_same_hash() -> None:
    quick = prompt_set().quick()
    for kind in KINDS:
        first = [place for place in prompt_set().places if place.kind == kind][: QUICK[kind]]
        assert [place for place in quick.places if place.kind == kind] == first
    assert quick.sha256 == prompt_set().sha256


@pytest.mark.corpus
@pytest.mark.slow
def test_every_piece_of_the_set_is_of_the_test_split(built_corpus: Path) -> None:
    held_out = {piece.path: piece.family for piece in load_corpus(built_corpus).split("test").pieces}
    assert {path: about["piece"] for path, about in prompt_set().pieces.items()}.items() <= held_out.items()


def test_a_prompt_and_its_truth_are_the_pieces_own_notes() -> None:
    for found in made_prompts():
        start = (found.place.bar - 1) * 1920
        assert (found.prompt.bars, found.truth.bars, round(found.truth.bpm, 3)) == (4, 8, 90)
        assert len(found.prompt.notes) == 32 * len(found.prompt.programs)
        assert start + found.prompt.ticks + found.truth.ticks <= 26 * 1920


def test_a_prompts_file_says_all_that_we_know_of_it_ourselves() -> None:
    for found in made_prompts():
        read = read_midi(write_midi(found.prompt.score()))
        assert read.notes == found.prompt.notes
        assert tuple(part.program for part in read.parts) == found.prompt.programs


def test_another_file_of_that_name_is_refused() -> None:
    path = made_set().places[0].path
    pieces = {**made_set().pieces, path: {**made_set().pieces[path], "sha256": "0" * 64}}
    with pytest.raises(BadCheckpoint, match=f"expected {path} with the SHA-256 000"):
        read_prompts(made_archive(), replace(made_set(), pieces=pieces))


def test_an_archive_without_a_piece_is_refused() -> None:
    with pytest.raises(BadCheckpoint, match="from which the prompts are, got none"):
        read_prompts(made_archive(), prompt_set())
