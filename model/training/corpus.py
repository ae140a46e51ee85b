"""Archives of MIDI files to pieces as arrays, read once and cached. Knows no network.

An archive is a .tar.xz, or the folder it unpacks to: `manifest.csv` (columns source, path, genre, timing, ts,
split and more), then `<source>/<path>.mid`.
"""

import csv
import hashlib
import io
import json
import lzma
import tarfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from music.errors import BadCheckpoint, BadMidi
from music.files import read_midi
from music.score import Note, Score
from music.time import FREE, NOMINAL_BPM, Meter, MeterChange, Tempo, TempoMap, Tick

MANIFEST = "manifest.csv"
COLUMNS = ("source", "path", "genre", "ts", "split")  # of the manifest, as far as they are read

# The archive's genres, as the vocabulary's styles.
STYLE_OF_GENRE = {
    "full band synthetic": "band",
    "folk": "folk",
    "art song": "song",
    "pop piano arr": "pop",
    "classical mixed": "classical",
    "classical piano": "piano",
    "drums": "drums",
    "jazz solo+bass+chords": "jazz",
    "lead sheets": "lead sheet",
    "hymn": "hymn",
    "game": "game",
    "game/film": "game",
    "string quartet": "quartet",
    "orchestra": "orchestra",
}

Notes = NDArray[np.int32]  # (n, 5): onset, part, pitch, velocity, duration, sorted by the first three


@dataclass(frozen=True, slots=True)
class Piece:
    """One file of the corpus."""

    source: str
    style: str | None
    split: str  # train or valid
    programs: tuple[int, ...]
    tempos: tuple[Tempo, ...]
    meters: tuple[MeterChange, ...]
    notes: Notes


@dataclass(frozen=True, slots=True)
class Corpus:
    pieces: tuple[Piece, ...]
    dropped: dict[str, int]  # reason -> files

    def split(self, name: str) -> "Corpus":
        return Corpus(tuple(piece for piece in self.pieces if piece.split == name), self.dropped)


def fingerprint(archive: Path) -> str:
    """Changes when the archive does, or the manifest of a folder: by size and time, as reading it takes long."""
    file = archive / MANIFEST if archive.is_dir() else archive
    if not file.is_file():
        raise BadCheckpoint(f"expected a corpus archive, or a folder with {MANIFEST}, found nothing at {file}")
    about = file.stat()
    return hashlib.sha256(f"{about.st_size} {about.st_mtime_ns}".encode()).hexdigest()[:8]


def read_corpus(archive: Path, cache: Path, progress: Callable[[], object] = lambda: None) -> Corpus:
    """The pieces of `archive`, from `cache` where an earlier run has left them. `progress` is called for each file."""
    if not cache.exists():
        corpus = build_corpus(_members(archive), progress)
        if not corpus.pieces:
            raise BadCheckpoint(f"expected a {MANIFEST} and its MIDI files in {archive}, got no piece that can be read")
        cache.parent.mkdir(parents=True, exist_ok=True)
        _save(corpus, cache)
    return _load(cache)


def build_corpus(members: Iterable[tuple[dict[str, str], bytes]], progress: Callable[[], object]) -> Corpus:
    """Reads every file; broken ones are counted by reason, never fatal."""
    pieces: list[Piece] = []
    dropped: dict[str, int] = {}
    for about, data in members:
        try:
            pieces.append(_piece(about, read_midi(data)))
        except BadMidi as error:
            reason = " ".join(word for word in str(error).split() if not any(map(str.isdigit, word)))
            dropped[reason] = dropped.get(reason, 0) + 1
        progress()
    return Corpus(tuple(pieces), dropped)


def _members(archive: Path) -> Iterator[tuple[dict[str, str], bytes]]:
    if archive.is_dir():
        for path, about in _manifest((archive / MANIFEST).read_text()).items():
            yield about, (archive / path).read_bytes()
        return
    try:
        with tarfile.open(archive, "r:*") as tar:
            yield from _tar_members(tar)
    except (tarfile.TarError, lzma.LZMAError, EOFError) as error:
        raise BadCheckpoint(f"expected a whole tar archive, got {archive}: {error}") from error


def _tar_members(tar: tarfile.TarFile) -> Iterator[tuple[dict[str, str], bytes]]:
    """In one pass: the manifest comes first."""
    rows: dict[str, dict[str, str]] = {}
    for member in tar:
        data = file.read() if (file := tar.extractfile(member)) else b""
        if member.name.endswith(MANIFEST):
            rows = _manifest(data.decode())
        elif member.name.removeprefix("./") in rows:
            yield rows[member.name.removeprefix("./")], data


def _manifest(text: str) -> dict[str, dict[str, str]]:
    rows = csv.DictReader(io.StringIO(text))
    if missing := set(COLUMNS) - set(rows.fieldnames or ()):
        raise BadCheckpoint(f"expected columns {', '.join(COLUMNS)} in {MANIFEST}, got none named {min(missing)}")
    return {row["path"]: row for row in rows}


def _piece(about: dict[str, str], score: Score) -> Piece:
    if not about["ts"]:
        score = unmetered(score)
    rows = [(n.onset, n.part, n.pitch, n.velocity, n.duration) for n in score.notes]
    return Piece(
        about["source"],
        STYLE_OF_GENRE.get(about["genre"]),
        about["split"],
        tuple(part.program for part in score.parts),
        score.tempos,
        score.meters,
        np.array(rows, np.int32),
    )


def unmetered(score: Score) -> Score:
    """A performance without a beat: retimed so that a tick is a millisecond, at a nominal 125 bpm."""
    time, nominal = TempoMap(score.tempos), TempoMap((Tempo.from_bpm(NOMINAL_BPM),))

    def retime(tick: int) -> Tick:
        return nominal.tick_at(time.nanos_at(Tick(tick)))

    notes = [
        Note(retime(n.onset), n.part, n.pitch, n.velocity, max(1, retime(n.end) - retime(n.onset))) for n in score.notes
    ]
    return Score(score.parts, tuple(sorted(notes)), nominal.changes, (MeterChange(Tick(0), FREE),))


# ---- the cache: one .npz without pickles ------------------------------------------------------------------


def _save(corpus: Corpus, path: Path) -> None:
    index = [
        {
            "source": piece.source,
            "style": piece.style,
            "split": piece.split,
            "programs": piece.programs,
            "tempos": [(tempo.tick, tempo.us_per_quarter) for tempo in piece.tempos],
            "meters": [(change.tick, change.meter.numerator, change.meter.denominator) for change in piece.meters],
            "notes": len(piece.notes),
        }
        for piece in corpus.pieces
    ]
    notes = np.concatenate([piece.notes for piece in corpus.pieces])
    about = json.dumps({"pieces": index, "dropped": corpus.dropped}).encode()
    unfinished = path.with_suffix(".new")
    with unfinished.open("wb") as file:
        np.savez_compressed(file, notes=notes, about=np.frombuffer(about, np.uint8))
    unfinished.replace(path)


def _load(path: Path) -> Corpus:
    with np.load(path, allow_pickle=False) as arrays:
        notes, about = arrays["notes"], json.loads(arrays["about"].tobytes())
    pieces, start = [], 0
    for row in about["pieces"]:
        stop = start + row["notes"]
        tempos = tuple(Tempo(Tick(tick), pace) for tick, pace in row["tempos"])
        meters = tuple(MeterChange(Tick(tick), Meter(n, d)) for tick, n, d in row["meters"])
        pieces.append(
            Piece(row["source"], row["style"], row["split"], tuple(row["programs"]), tempos, meters, notes[start:stop])
        )
        start = stop
    return Corpus(tuple(pieces), about["dropped"])
