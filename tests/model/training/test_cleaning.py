"""What is broken, dull, repeated or held out does not reach the training split."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.training.archive import members
from model.training.cleaning import NEAR_SHARE, NEAR_SHARED, build_corpus, leaks, split_of, unmetered
from model.training.corpus import Corpus
from model.training.likeness import alike, windows
from model.training.shards import load_corpus
from music.score import Note, Part, Score
from music.time import FREE, TempoMap, Tick
from tests.model.training.made_corpus import made_corpus, scale_score
from tests.model.training.tunes import member, piece_of, tune

QUICK = ("openewld", "openhymnal", "nottingham")  # of the real corpus: small, and full of versions of each other


def build(*files: object) -> Corpus:
    return build_corpus(files, lambda: None)  # type: ignore[arg-type]


def reasons(corpus: Corpus) -> dict[str, str]:
    return {drop.path: drop.reason for drop in corpus.dropped}


def test_a_broken_file_is_counted_and_the_rest_is_read() -> None:
    corpus = made_corpus()
    assert len(corpus.pieces) == 11
    assert reasons(corpus) == {"made/5.mid": "broken"}
    assert "| made | 11 | 1 |" in corpus.dropped_table()


def test_a_piece_without_a_meter_is_retimed_to_milliseconds() -> None:
    score = scale_score()
    retimed = unmetered(score)
    assert retimed.meters[0].meter == FREE
    seconds = TempoMap(score.tempos)
    for before, after in zip(score.notes, retimed.notes, strict=True):
        assert abs(after.onset - seconds.nanos_at(before.onset) / 1e6) <= 1
    assert made_corpus().pieces[3].meters[0].meter == FREE


def test_short_and_one_note_pieces_are_left_out() -> None:
    drone = Score((Part(0),), tuple(Note(Tick(480 * i), 0, 60, 80, 240) for i in range(50)))
    corpus = build(member(tune(1, length=10), "short"), member(drone, "drone"), member(tune(2), "good"))
    assert reasons(corpus) == {"short": "fewer than 16 notes", "drone": "fewer than 3 pitches"}
    assert [piece.path for piece in corpus.pieces] == ["good"]


def test_a_copy_in_another_key_and_source_is_left_out() -> None:
    corpus = build(member(tune(1), "first"), member(tune(2), "other"), member(tune(1, key=5), "copy", source="else"))
    assert reasons(corpus) == {"copy": "same notes as another"}


def test_nearly_a_copy_is_left_out_but_another_setting_of_the_tune_stays() -> None:
    longer = tune(1, length=88)
    corpus = build(member(tune(1), "first"), member(longer, "longer"), member(tune(1, key=2, bass=True), "setting"))
    assert reasons(corpus) == {"longer": "nearly the same notes as another"}


def test_of_two_copies_the_one_held_out_stays() -> None:
    corpus = build(member(tune(1), "train"), member(tune(1, key=-3), "valid", "valid"))
    assert reasons(corpus) == {"train": "same notes as one in valid or test"}


def test_a_whole_family_near_a_held_out_piece_leaves_training() -> None:
    near = tune(1, key=3, bass=True)
    corpus = build(
        member(near, "near", piece="p"), member(tune(9), "same family", piece="p"), member(tune(1), "out", "valid")
    )
    assert set(reasons(corpus)) == {"near", "same family"}
    assert [piece.path for piece in corpus.pieces] == ["out"]


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(-12, 12), st.booleans()), min_size=1, max_size=12))
def test_nothing_held_out_is_in_training_in_any_key(drawn: list[tuple[int, int, bool]]) -> None:
    files = [
        member(tune(seed, key=key), f"{i}", "valid" if held else "train", piece=f"family {i}")
        for i, (seed, key, held) in enumerate(drawn)
    ]
    corpus = build(*files)
    assert not leaks(corpus)
    assert len(corpus.pieces) == len({seed for seed, _, _ in drawn})


def test_a_leak_is_found() -> None:
    held, taken = piece_of(tune(1, key=7), "test"), piece_of(tune(1))
    assert leaks(Corpus((taken, held))) == [(held, taken)]


def test_the_test_split_is_some_families_of_the_training_split_whole() -> None:
    rows = [{"path": f"{i}", "piece": f"p{i // 2}", "split": "train"} for i in range(4000)]
    splits = [split_of(row) for row in rows]
    assert splits[::2] == splits[1::2]
    assert 60 < Counter(splits)["test"] < 140
    assert {split_of({**row, "split": "valid"}) for row in rows} == {"valid"}


def assert_apart(corpus: Corpus) -> None:
    """No piece of valid or test, in any key, in training: neither its notes nor long stretches of its melody."""
    assert not leaks(corpus)
    families = {name: {p.family for p in corpus.split(name).pieces} for name in ("train", "valid", "test")}
    assert all(families.values())
    assert not families["train"] & (families["valid"] | families["test"])
    pairs = alike([windows(p) for p in corpus.pieces], [p.family for p in corpus.pieces])
    is_train = [piece.split == "train" for piece in corpus.pieces]
    near = (pairs.share >= NEAR_SHARE) & (pairs.shared >= NEAR_SHARED)
    crossing = [
        (corpus.pieces[a].path, corpus.pieces[b].path)
        for a, b in zip(pairs.first[near].tolist(), pairs.second[near].tolist(), strict=True)
        if is_train[a] != is_train[b]
    ]
    assert not crossing


@pytest.mark.corpus
@pytest.mark.slow
def test_real_tunes_held_out_are_not_in_training(corpus_archive: Path) -> None:
    chosen = (m for m in members(corpus_archive) if m[0]["source"] in QUICK)
    corpus = build_corpus(chosen, lambda: None)
    assert len(corpus.pieces) > 1000
    assert_apart(corpus)


@pytest.mark.corpus
@pytest.mark.slow
def test_the_whole_built_corpus_has_nothing_held_out_in_training(built_corpus: Path) -> None:
    assert_apart(load_corpus(built_corpus))
