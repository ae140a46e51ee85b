"""Archives to pieces, and back from the cache."""

import os
import tarfile
from pathlib import Path

import numpy as np
import pytest

from model.training.corpus import fingerprint, read_corpus, unmetered
from music.errors import BadCheckpoint
from music.time import FREE, TempoMap
from tests.model.training.made_corpus import made_archive, made_corpus, scale_score


def test_a_broken_file_is_counted_and_the_rest_is_read() -> None:
    corpus = made_corpus()
    assert len(corpus.pieces) == 11
    assert sum(corpus.dropped.values()) == 1
    assert sum(len(piece.notes) for piece in corpus.pieces) == sum(
        len(scale_score(4 + i).notes) for i in range(12) if i != 5
    )


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


@pytest.mark.parametrize("name", ["nothing.tar", "folder"])
def test_an_archive_or_manifest_that_is_not_there_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(BadCheckpoint, match=f"found nothing at .*{name}"):
        fingerprint(tmp_path / name)


def test_the_fingerprint_changes_with_the_archive_and_with_nothing_else(tmp_path: Path) -> None:
    archive = made_archive(tmp_path / "made.tar.xz")
    first = fingerprint(archive)
    assert fingerprint(archive) == first
    moved = archive.rename(tmp_path / "moved.tar.xz")
    assert fingerprint(moved) == first
    os.utime(moved, ns=(0, 0))
    assert fingerprint(moved) != first


def test_a_manifest_without_a_column_that_is_needed_says_which(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text("source,path,genre,ts\nmade,0.mid,folk,4/4\n")
    with pytest.raises(BadCheckpoint, match="got none named split"):
        read_corpus(tmp_path, tmp_path / "cache.npz")


def test_an_archive_cut_short_is_refused_and_leaves_no_cache(tmp_path: Path) -> None:
    archive = made_archive(tmp_path / "made.tar.xz")
    archive.write_bytes(archive.read_bytes()[:-200])
    with pytest.raises(BadCheckpoint, match="expected a whole tar archive"):
        read_corpus(archive, tmp_path / "cache.npz")
    assert not (tmp_path / "cache.npz").exists()


def test_an_archive_without_a_manifest_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "bare.tar", "w"):
        pass
    with pytest.raises(BadCheckpoint, match=r"expected a manifest\.csv"):
        read_corpus(tmp_path / "bare.tar", tmp_path / "cache.npz")
