"""Archives to pieces, and back from the cache."""

from pathlib import Path

import numpy as np
import pytest

from model.training.corpus import read_corpus, unmetered
from music.errors import BadCheckpoint
from music.time import FREE, TempoMap, Tick
from tests.model.training.made_corpus import made_archive, made_corpus, scale_score


def test_a_broken_file_is_counted_and_the_rest_is_read() -> None:
    corpus = made_corpus()
    assert len(corpus.pieces) == 11
    assert sum(corpus.dropped.values()) == 1
    assert corpus.note_count == sum(len(scale_score(4 + i).notes) for i in range(12) if i != 5)


def test_the_manifest_says_which_split_a_piece_is_in() -> None:
    corpus = made_corpus()
    assert (len(corpus.split("train").pieces), len(corpus.split("valid").pieces)) == (9, 2)


def test_a_piece_without_a_meter_is_retimed_to_milliseconds() -> None:
    score = scale_score()
    retimed = unmetered(score)
    assert retimed.meters[0].meter == FREE
    seconds = TempoMap(score.tempos)
    for before, after in zip(score.notes, retimed.notes, strict=True):
        assert abs(after.onset - seconds.nanos_at(before.onset) / 1e6) <= 1
    assert made_corpus().pieces[3].meters[0].meter == FREE


def test_the_cache_holds_what_the_archive_held(tmp_path: Path) -> None:
    archive = made_archive(tmp_path / "made.tar.xz")
    first = read_corpus(archive, tmp_path / "cache.npz")
    again = read_corpus(archive, tmp_path / "cache.npz")
    for ours, theirs, made in zip(first.pieces, again.pieces, made_corpus().pieces, strict=True):
        assert np.array_equal(ours.notes, theirs.notes)
        assert np.array_equal(ours.notes, made.notes)
        assert (ours.programs, ours.meters, ours.tempos, ours.style, ours.split) == (
            made.programs,
            made.meters,
            made.tempos,
            made.style,
            made.split,
        )
    assert again.dropped == made_corpus().dropped


def test_an_archive_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadCheckpoint, match="nothing.tar"):
        read_corpus(tmp_path / "nothing.tar", tmp_path / "cache.npz")
