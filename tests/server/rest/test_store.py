"""Generations on disk: each piece once, nothing of what is cancelled, results that expire, one server to a folder."""

import sqlite3
from pathlib import Path

import pytest

from music.errors import BadSetting
from server.rest.store import FILE, HOUR_S, Row, Store


def store(folder: Path, hours: int = 1, mb: int = 1) -> Store:
    return Store(folder, most_hours=hours, most_mb=mb)


def row(id: str, variations: int = 1) -> Row:
    return Row(id, "{}", b"midi", 8, variations, "small", "abc", f"print of {id}")


def test_what_was_added_is_found_by_the_next_server_until_it_has_ended(tmp_path: Path) -> None:
    first = store(tmp_path)
    assert first.add(row("a", 2), "key", 0)
    assert first.add(row("b"), None, 1)
    assert not first.add_piece("a", 2, b"two", 2)
    first.close()
    second = store(tmp_path)
    assert [(found.id, done) for found, done in second.unfinished()] == [("a", (2,)), ("b", ())]
    assert second.prompt("a") == b"midi"
    assert second.add_piece("a", 1, b"one", 3)
    assert [found.id for found, _ in second.unfinished()] == ["b"]
    found = second.find_key("key")
    assert found is not None
    assert (found[0].status, found[1]) == ("succeeded", (1, 2))
    assert second.prompt("a") is None


def test_a_piece_is_kept_once(tmp_path: Path) -> None:
    kept = store(tmp_path)
    kept.add(row("a", 2), None, 0)
    assert not kept.add_piece("a", 1, b"first", 0)
    assert not kept.add_piece("a", 1, b"second", 0)
    assert kept.piece("a", 1) == b"first"
    assert kept.piece("a", 2) is None


def test_a_key_is_one_generations(tmp_path: Path) -> None:
    kept = store(tmp_path)
    assert kept.add(row("a"), "key", 0)
    assert not kept.add(row("b"), "key", 0)
    assert kept.find("b") is None
    kept.end("a", "cancelled", None, 1)
    assert kept.add(row("c"), "key", 2)


@pytest.mark.parametrize("is_finished", [False, True])
def test_nothing_of_what_is_cancelled_is_kept(tmp_path: Path, is_finished: bool) -> None:
    kept = store(tmp_path)
    kept.add(row("a", 1 if is_finished else 2), None, 0)
    kept.add_piece("a", 1, b"one", 0)
    kept.end("a", "cancelled", None, 1)
    assert not kept.add_piece("a", 2, b"late", 2)
    found = kept.find("a")
    assert found is not None
    assert (found[0].status, found[1], kept.unfinished()) == ("cancelled", (), [])


def test_what_has_ended_does_not_end_otherwise(tmp_path: Path) -> None:
    kept = store(tmp_path)
    kept.add(row("a"), None, 0)
    kept.add_piece("a", 1, b"one", 0)
    kept.end("a", "failed", "late", 1)
    found = kept.find("a")
    assert found is not None
    assert (found[0].status, found[0].reason) == ("succeeded", None)


def test_results_expire_and_are_then_forgotten(tmp_path: Path) -> None:
    kept = store(tmp_path, hours=1)
    kept.add(row("a"), "key", 0)
    kept.add_piece("a", 1, b"one", 0)
    kept.add(row("b"), None, 0.5 * HOUR_S)
    assert kept.piece("a", 1) == b"one"
    kept.add(row("c"), None, 1.5 * HOUR_S)
    found = kept.find("a")
    assert found is not None
    assert (found[0].status, found[1], kept.find_key("key")) == ("expired", (), None)
    kept.add(row("d"), None, 2.5 * HOUR_S)
    assert kept.find("a") is None
    assert [waiting.id for waiting, _ in kept.unfinished()] == ["b", "c", "d"]  # what is not finished never expires


def test_the_oldest_results_go_where_there_are_too_many(tmp_path: Path) -> None:
    kept = store(tmp_path, mb=1)
    for moment, id in enumerate("abc"):
        kept.add(row(id), None, moment)
        kept.add_piece(id, 1, bytes(400_000), moment)
    kept.add(row("d"), None, 10)
    assert [kept.piece(id, 1) is not None for id in "abc"] == [False, True, True]


def test_a_folder_is_one_servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.rest.store.LOCK_S", 0.01)
    first = store(tmp_path / "deep" / "folder")
    with pytest.raises(BadSetting, match="for this server alone"):
        store(tmp_path / "deep" / "folder")
    first.close()
    store(tmp_path / "deep" / "folder").close()


def test_what_another_version_wrote_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / FILE) as file:
        file.execute("PRAGMA user_version=99")
    file.close()
    with pytest.raises(BadSetting, match=r"version 1 .* got version 99"):
        store(tmp_path)


@pytest.mark.parametrize("content", [b"this is no database, but long enough to look like one" * 100])
def test_what_is_no_database_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(BadSetting, match="not a database"):
        store(tmp_path)
