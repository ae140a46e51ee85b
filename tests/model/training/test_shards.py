"""A corpus in a file: the same bytes every time, whole or refused, and all of what was cleaned."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from model.training.corpus import SPLITS, Corpus
from model.training.crops import whole_piece
from model.training.shards import build_file, corpus_table, load_corpus, read_corpus, save_corpus
from music.errors import BadCheckpoint
from tests.model.training.made_corpus import made_archive, made_corpus

CORPUS = made_corpus()


def assert_equal(ours: Corpus, theirs: Corpus) -> None:
    assert ours.dropped == theirs.dropped
    for one, other in zip(ours.pieces, theirs.pieces, strict=True):
        assert np.array_equal(one.notes, other.notes)
        for name in ("source", "path", "family", "licence", "style", "split", "programs", "tempos", "meters"):
            assert getattr(one, name) == getattr(other, name)


def test_a_file_holds_what_was_cleaned(tmp_path: Path) -> None:
    save_corpus(CORPUS, tmp_path / "made.corpus")
    assert_equal(load_corpus(tmp_path / "made.corpus"), CORPUS)


def test_the_same_archive_makes_the_same_bytes(tmp_path: Path) -> None:
    archive = made_archive(tmp_path / "made.tar.xz")
    for name in ("a.corpus", "b.corpus"):
        build_file([archive], tmp_path / name)
    assert (tmp_path / "a.corpus").read_bytes() == (tmp_path / "b.corpus").read_bytes()


def test_an_archive_is_built_once_and_a_built_file_is_read_as_it_is(tmp_path: Path) -> None:
    archive = made_archive(tmp_path / "made.tar.xz")
    files = []
    first = read_corpus(archive, tmp_path / "cache", lambda: files.append(1))
    again = read_corpus(archive, tmp_path / "cache", lambda: files.append(1))
    assert len(files) == 12
    (built,) = (tmp_path / "cache").iterdir()
    for other in (again, read_corpus(built, tmp_path / "nowhere"), CORPUS):
        assert_equal(first, other)


def test_the_manifest_counts_pieces_notes_and_tokens(tmp_path: Path) -> None:
    save_corpus(CORPUS, tmp_path / "made.corpus")
    pieces = [len(CORPUS.split(name).pieces) for name in ("train", "valid", "test")]
    notes = sum(len(piece.notes) for piece in CORPUS.pieces)
    tokens = sum(len(whole_piece(piece)) for name in SPLITS for piece in CORPUS.split(name).pieces)
    line = f"| made | {pieces[0]}, {pieces[1]}, {pieces[2]} | {notes:,} | {tokens:,} | {CORPUS.pieces[0].licence} |"
    assert line in corpus_table(tmp_path / "made.corpus")


def test_a_file_with_other_bytes_than_its_manifest_says_is_refused(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.corpus", tmp_path / "bad.corpus"
    save_corpus(CORPUS, good)
    with zipfile.ZipFile(good) as source, zipfile.ZipFile(bad, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            target.writestr(name, data[:-1] + b"x" if name == "made.notes.xz" else data)
    with pytest.raises(BadCheckpoint, match="other bytes than its manifest says"):
        load_corpus(bad)


@pytest.mark.parametrize("content", [b"", b"PK", b"text"])
def test_what_is_no_corpus_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.corpus").write_bytes(content)
    with pytest.raises(BadCheckpoint, match="tradefours corpus build"):
        load_corpus(tmp_path / "bad.corpus")


def test_an_archive_with_nothing_to_read_leaves_no_file(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "manifest.csv").write_text("source,path,genre,ts,split\n")
    with pytest.raises(BadCheckpoint, match=r"expected a manifest\.csv"):
        build_file([tmp_path / "empty"], tmp_path / "made.corpus")
    assert not (tmp_path / "made.corpus").exists()
