"""Archives are read whole or refused in one sentence."""

import os
import tarfile
from pathlib import Path

import pytest

from model.training.archive import fingerprint, members
from music.errors import BadCheckpoint
from tests.model.training.made_corpus import made_archive, made_members


def test_an_archive_gives_each_file_with_its_row(tmp_path: Path) -> None:
    read = list(members(made_archive(tmp_path / "made.tar.xz")))
    assert read == made_members()


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
        list(members(tmp_path))


def test_an_archive_cut_short_is_refused(tmp_path: Path) -> None:
    archive = made_archive(tmp_path / "made.tar.xz")
    archive.write_bytes(archive.read_bytes()[:-200])
    with pytest.raises(BadCheckpoint, match="expected a whole tar archive"):
        list(members(archive))


def test_a_file_that_is_no_archive_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "text.tar.xz").write_text("no music")
    with pytest.raises(BadCheckpoint) as refused:
        list(members(tmp_path / "text.tar.xz"))
    assert str(refused.value).endswith("text.tar.xz: file could not be opened successfully")


def test_an_archive_without_a_manifest_has_no_members(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "bare.tar", "w"):
        pass
    assert not list(members(tmp_path / "bare.tar"))
