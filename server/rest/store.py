"""Generations on disk: SQLite, for one server at a time. Blocks: one thread of its own calls it. Knows no music."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from music.errors import BadSetting

FILE: Final = "generations.sqlite"
VERSION: Final = 1
LOCK_S: Final = 2.0  # the longest wait for another server that is just leaving
HOUR_S: Final = 3600
SCHEMA: Final = """
CREATE TABLE generations (
    id TEXT PRIMARY KEY,
    began REAL NOT NULL,
    ended REAL,
    status TEXT NOT NULL DEFAULT 'queued',
    reason TEXT,
    request TEXT NOT NULL,
    prompt BLOB,
    bars INTEGER NOT NULL,
    variations INTEGER NOT NULL,
    model TEXT NOT NULL,
    weights TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    key TEXT UNIQUE
);
CREATE TABLE pieces (
    generation TEXT NOT NULL REFERENCES generations ON DELETE CASCADE,
    number INTEGER NOT NULL,
    midi BLOB NOT NULL,
    PRIMARY KEY (generation, number)
);
"""
COLUMNS: Final = "id, request, prompt, bars, variations, model, weights, fingerprint, status, reason"


@dataclass(frozen=True, slots=True)
class Row:
    """A generation as it is kept. `status` is queued until it has ended: then succeeded, failed, cancelled, expired."""

    id: str
    request: str  # JSON
    prompt: bytes | None  # a MIDI file; None: the request has notes
    bars: int  # of each piece
    variations: int
    model: str
    weights: str
    fingerprint: str  # of all that was asked for
    status: str = "queued"
    reason: str | None = None


class Store:
    def __init__(self, folder: Path, *, most_hours: int, most_mb: int) -> None:
        """Raises BadSetting where another server uses the folder, or it cannot be used."""
        self._most_s = most_hours * HOUR_S
        self._most_bytes = most_mb * 1_000_000
        path = folder / FILE
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._db = sqlite3.connect(path, timeout=LOCK_S, isolation_level=None)
            self._open(path)
        except (OSError, sqlite3.Error) as error:
            raise BadSetting(f"expected {path} for this server alone, got: {error}; say another jobs folder") from error

    def _open(self, path: Path) -> None:
        for pragma in ("auto_vacuum=FULL", "locking_mode=EXCLUSIVE", "journal_mode=WAL", "foreign_keys=ON"):
            self._db.execute(f"PRAGMA {pragma}")
        self._db.execute("PRAGMA synchronous=NORMAL")  # a killed process loses nothing, a power cut the last moment
        with self._db:
            self._db.execute("BEGIN EXCLUSIVE")
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
            if version not in (0, VERSION):
                raise BadSetting(f"expected generations of version {VERSION} in {path}, got version {version}")
            if version == 0:
                for statement in filter(str.strip, SCHEMA.split(";")):
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA user_version={VERSION}")

    def close(self) -> None:
        self._db.close()

    def add(self, row: Row, key: str | None, now: float) -> bool:
        """False where the key is known already: then nothing is added."""
        self._prune(now)
        added = self._db.execute(
            f"INSERT OR IGNORE INTO generations ({COLUMNS}, began, key) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (row.id, row.request, row.prompt, row.bars, row.variations, row.model, row.weights, row.fingerprint,
             row.status, row.reason, now, key),
        )  # fmt: skip
        return added.rowcount > 0

    def find(self, id: str) -> tuple[Row, tuple[int, ...]] | None:
        """And the numbers of its pieces. The prompt is left out."""
        return self._found("id", id)

    def find_key(self, key: str) -> tuple[Row, tuple[int, ...]] | None:
        return self._found("key", key)

    def prompt(self, id: str) -> bytes | None:
        found = self._db.execute("SELECT prompt FROM generations WHERE id = ?", (id,)).fetchone()
        return found[0] if found else None

    def unfinished(self) -> list[tuple[Row, tuple[int, ...]]]:
        """Oldest first."""
        ids = self._db.execute("SELECT id FROM generations WHERE status = 'queued' ORDER BY began, rowid").fetchall()
        return [found for (id,) in ids if (found := self.find(id))]

    def add_piece(self, id: str, number: int, midi: bytes, now: float) -> bool:
        """Once: a second time changes nothing. With the last one the generation has succeeded: then True."""
        with self._db:
            self._db.execute("BEGIN")
            self._db.execute(
                "INSERT OR IGNORE INTO pieces SELECT id, ?, ? FROM generations WHERE id = ? AND status = 'queued'",
                (number, midi, id),
            )
            changed = self._db.execute(
                "UPDATE generations SET status = 'succeeded', ended = ?, prompt = NULL WHERE id = ? AND "
                "status = 'queued' AND variations = (SELECT count(*) FROM pieces WHERE generation = ?)",
                (now, id, id),
            )
            return changed.rowcount > 0

    def end(self, id: str, status: str, reason: str | None, now: float) -> None:
        """Where it has not ended yet; but any may be cancelled, and nothing of it is kept then."""
        with self._db:
            self._db.execute("BEGIN")
            if status == "cancelled":
                self._db.execute("DELETE FROM pieces WHERE generation = ?", (id,))
                self._db.execute("UPDATE generations SET status = 'queued', key = NULL WHERE id = ?", (id,))
            self._db.execute(
                "UPDATE generations SET status = ?, reason = ?, ended = ?, prompt = NULL "
                "WHERE id = ? AND status = 'queued'",
                (status, reason, now, id),
            )

    def piece(self, id: str, number: int) -> bytes | None:
        found = self._db.execute("SELECT midi FROM pieces WHERE generation = ? AND number = ?", (id, number))
        row = found.fetchone()
        return row[0] if row else None

    def _found(self, column: str, value: str) -> tuple[Row, tuple[int, ...]] | None:
        columns = COLUMNS.replace("prompt", "NULL")
        found = self._db.execute(f"SELECT {columns} FROM generations WHERE {column} = ?", (value,)).fetchone()
        if found is None:
            return None
        numbers = self._db.execute("SELECT number FROM pieces WHERE generation = ? ORDER BY number", (found[0],))
        return Row(*found), tuple(number for (number,) in numbers)

    def _prune(self, now: float) -> None:
        """Results expire; that there were any is remembered for as long again."""
        self._db.execute("DELETE FROM generations WHERE ended < ?", (now - 2 * self._most_s,))
        self._expire(self._ids("ended < ? ORDER BY ended", now - self._most_s))
        (kept,) = self._db.execute("SELECT coalesce(sum(length(midi)), 0) FROM pieces").fetchone()
        for id in self._ids("ended <= ? ORDER BY ended", now):
            if kept <= self._most_bytes:
                break
            sizes = self._db.execute("SELECT coalesce(sum(length(midi)), 0) FROM pieces WHERE generation = ?", (id,))
            kept -= sizes.fetchone()[0]
            self._expire([id])

    def _ids(self, which: str, moment: float) -> list[str]:
        found = self._db.execute(f"SELECT id FROM generations WHERE status != 'expired' AND {which}", (moment,))
        return [id for (id,) in found]

    def _expire(self, ids: Sequence[str]) -> None:
        with self._db:
            self._db.execute("BEGIN")
            for id in ids:
                self._db.execute("DELETE FROM pieces WHERE generation = ?", (id,))
                self._db.execute("UPDATE generations SET status = 'expired', key = NULL WHERE id = ?", (id,))
