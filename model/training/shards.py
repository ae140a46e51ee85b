"""A corpus in one small file: a zip of one compressed shard for each source, and a manifest that says what they are.

Same corpus, same bytes. A note is eight bytes before compression: its place after the note before it, player, pitch,
velocity bin and duration class.
"""

import hashlib
import json
import lzma
import zipfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from model.tokens.vocabulary import TICKS_PER_STEP, VELOCITY_WIDTH, velocity_of
from model.training.archive import MANIFEST, fingerprint, members
from model.training.cleaning import build_corpus, leaks
from model.training.corpus import SPLITS, Corpus, Dropped, Notes, Piece
from model.training.crops import whole_piece
from model.training.encoding import DURATION_CLASS, TICKS_OF_CLASS
from music.errors import BadCheckpoint
from music.time import Meter, MeterChange, Tempo, Tick

ENDING = ".corpus"
ABOUT = "manifest.json"
FORMAT = "tradefours corpus 1"
PACKED = np.dtype([("gap", "<u4"), ("part", "u1"), ("pitch", "u1"), ("velocity", "u1"), ("duration", "u1")])
# Eight bytes a note: what is like what lies eight bytes back.
FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 6, "lc": 1, "lp": 3, "pb": 3}]
Json = dict[str, Any]
_VELOCITY_OF_BIN = np.array([velocity_of(index) for index in range(128 // VELOCITY_WIDTH)], np.int32)


def read_corpus(path: Path, cache: Path, progress: Callable[[], object] = lambda: None) -> Corpus:
    """The corpus at `path`: a built file, or an archive that is built once and kept in the folder `cache`."""
    built = built_path(path, cache)
    if path != built and not built.exists():
        build_file([path], built, progress)
    return load_corpus(built)


def built_path(path: Path, cache: Path) -> Path:
    """Where the built file of `path` is, or will be; a name that changes when the archive does."""
    if path.suffix == ENDING:
        return path
    return cache / f"{path.name.partition('.')[0]}-{fingerprint(path)}{ENDING}"


def build_file(archives: Iterable[Path], target: Path, progress: Callable[[], object] = lambda: None) -> Corpus:
    """Clean what the archives hold and write it to `target`, all of it or nothing."""
    archives = list(archives)
    corpus = build_corpus((member for archive in archives for member in members(archive)), progress)
    if not corpus.pieces:
        where = ", ".join(map(str, archives))
        raise BadCheckpoint(f"expected a {MANIFEST} and its MIDI files in {where}, got no piece that can be read")
    assert not leaks(corpus), "a piece of valid or test is in the training split"
    target.parent.mkdir(parents=True, exist_ok=True)
    save_corpus(corpus, target)
    return corpus


def save_corpus(corpus: Corpus, target: Path) -> None:
    shards = {
        source: [piece for piece in corpus.pieces if piece.source == source]
        for source in sorted({piece.source for piece in corpus.pieces})
    }
    with ThreadPoolExecutor() as pool:  # lzma lets other threads run
        packed = dict(zip(shards, pool.map(_pack, shards.values()), strict=True))
    about = {
        "format": FORMAT,
        "shards": [_about(source, pieces, packed[source]) for source, pieces in shards.items()],
        "dropped": [[drop.source, drop.path, drop.reason] for drop in corpus.dropped],
    }
    unfinished = target.with_name(target.name + ".part")
    with zipfile.ZipFile(unfinished, "w") as file:
        _put(file, ABOUT, json.dumps(about, indent=1).encode())
        for source, (notes, pieces) in packed.items():
            _put(file, f"{source}.notes.xz", notes)
            _put(file, f"{source}.pieces.xz", pieces)
    unfinished.replace(target)


def load_corpus(path: Path) -> Corpus:
    """Raises BadCheckpoint for what is no built corpus, or not whole."""
    try:
        with zipfile.ZipFile(path) as file:
            about = json.loads(file.read(ABOUT))
            read = [(_checked(file, shard, "notes"), _checked(file, shard, "pieces")) for shard in about["shards"]]
        with ThreadPoolExecutor() as pool:
            pieces = [piece for shard in pool.map(_unpack, read) for piece in shard]
        return Corpus(tuple(pieces), tuple(Dropped(*row) for row in about["dropped"]))
    except (OSError, zipfile.BadZipFile, lzma.LZMAError, KeyError, ValueError, TypeError) as error:
        raise BadCheckpoint(f"expected a corpus that `tradefours corpus build` made at {path}, got: {error}") from error


def corpus_table(path: Path) -> str:
    """Markdown: what a built corpus says of its sources."""
    with zipfile.ZipFile(path) as file:
        shards = json.loads(file.read(ABOUT))["shards"]
    lines = ["| source | pieces: train, valid, test | notes | tokens | licences |", "|---|---|---|---|---|"]
    for shard in shards:
        pieces = ", ".join(str(shard[split]["pieces"]) for split in ("train", "valid", "test"))
        notes, tokens = (sum(shard[split][of] for split in SPLITS) for of in ("notes", "tokens"))
        lines.append(f"| {shard['source']} | {pieces} | {notes:,} | {tokens:,} | {', '.join(shard['licences'])} |")
    return "\n".join(lines)


def _put(file: zipfile.ZipFile, name: str, data: bytes) -> None:
    file.writestr(zipfile.ZipInfo(name), data)  # 1980, stored: the same bytes every time


def _checked(file: zipfile.ZipFile, shard: Json, kind: str) -> bytes:
    data = file.read(f"{shard['source']}.{kind}.xz")
    if hashlib.sha256(data).hexdigest() != shard["sha256"][kind]:
        raise ValueError(f"other bytes than its manifest says in {shard['source']}.{kind}.xz")
    return data


def _about(source: str, pieces: list[Piece], packed: tuple[bytes, bytes]) -> Json:
    counts = {}
    for split in SPLITS:
        inside = [piece for piece in pieces if piece.split == split]
        counts[split] = {
            "pieces": len(inside),
            "notes": sum(len(piece.notes) for piece in inside),
            "tokens": sum(len(whole_piece(piece)) for piece in inside),
        }
    sums = [hashlib.sha256(data).hexdigest() for data in packed]
    licences = sorted({piece.licence for piece in pieces})
    return {
        "source": source,
        "licences": licences,
        **counts,
        "sha256": dict(zip(("notes", "pieces"), sums, strict=True)),
    }


def _pack(pieces: list[Piece]) -> tuple[bytes, bytes]:
    notes = np.concatenate([_packed(piece.notes) for piece in pieces])
    rows = [
        {
            "path": piece.path,
            "family": piece.family,
            "licence": piece.licence,
            "style": piece.style,
            "split": piece.split,
            "programs": piece.programs,
            "tempos": [(tempo.tick, tempo.us_per_quarter) for tempo in piece.tempos],
            "meters": [(change.tick, change.meter.numerator, change.meter.denominator) for change in piece.meters],
            "notes": len(piece.notes),
        }
        for piece in pieces
    ]
    about = json.dumps({"source": pieces[0].source, "pieces": rows}, separators=(",", ":")).encode()
    return lzma.compress(notes.tobytes(), filters=FILTERS), lzma.compress(about)


def _packed(notes: Notes) -> np.ndarray[tuple[int], np.dtype[np.void]]:
    rows = np.empty(len(notes), PACKED)
    rows["gap"] = np.diff(notes[:, 0] // TICKS_PER_STEP, prepend=0)
    rows["part"], rows["pitch"], rows["velocity"] = notes[:, 1], notes[:, 2], notes[:, 3] // VELOCITY_WIDTH
    rows["duration"] = DURATION_CLASS[notes[:, 4] // TICKS_PER_STEP]
    return rows


def _unpack(packed: tuple[bytes, bytes]) -> list[Piece]:
    rows = np.frombuffer(lzma.decompress(packed[0]), PACKED)
    about = json.loads(lzma.decompress(packed[1]))
    notes = np.empty((len(rows), 5), np.int32)
    notes[:, 1], notes[:, 2] = rows["part"], rows["pitch"]
    notes[:, 3], notes[:, 4] = _VELOCITY_OF_BIN[rows["velocity"]], TICKS_OF_CLASS[rows["duration"]]
    pieces, start = [], 0
    for row in about["pieces"]:
        stop = start + row["notes"]
        own = notes[start:stop]
        own[:, 0] = np.cumsum(rows["gap"][start:stop], dtype=np.int64) * TICKS_PER_STEP
        tempos = tuple(Tempo(Tick(tick), pace) for tick, pace in row["tempos"])
        meters = tuple(MeterChange(Tick(tick), Meter(n, d)) for tick, n, d in row["meters"])
        programs = tuple(row["programs"])
        ids = (row["path"], row["family"], row["licence"])
        pieces.append(Piece(about["source"], row["style"], row["split"], programs, tempos, meters, own, *ids))
        start = stop
    return pieces
