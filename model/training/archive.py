"""Archives of MIDI files: what their manifest says of each, and its bytes. Knows no music.

An archive is a .tar.xz, or the folder it unpacks to: `manifest.csv`, then `<source>/<path>.mid`.
"""

import csv
import hashlib
import io
import lzma
import tarfile
from collections.abc import Iterator
from pathlib import Path

from music.errors import BadCheckpoint

MANIFEST = "manifest.csv"
COLUMNS = ("source", "path", "genre", "ts", "split")  # that a manifest must have; `piece` and `licence` are read, too

Member = tuple[dict[str, str], bytes]


def fingerprint(archive: Path) -> str:
    """Changes when the archive does, or the manifest of a folder: by size and time, as reading it takes long."""
    file = archive / MANIFEST if archive.is_dir() else archive
    if not file.is_file():
        raise BadCheckpoint(f"expected a corpus archive, or a folder with {MANIFEST}, found nothing at {file}")
    about = file.stat()
    return hashlib.sha256(f"{about.st_size} {about.st_mtime_ns}".encode()).hexdigest()[:8]


def members(archive: Path) -> Iterator[Member]:
    """Each file with its row of the manifest."""
    if archive.is_dir():
        for path, about in _manifest((archive / MANIFEST).read_text()).items():
            yield about, (archive / path).read_bytes()
        return
    try:
        with tarfile.open(archive, "r:*") as tar:
            yield from _tar_members(tar)
    except (tarfile.TarError, lzma.LZMAError, EOFError) as error:
        why = str(error).partition(":\n")[0]  # tarfile tells of every compression that it tried
        raise BadCheckpoint(f"expected a whole tar archive, got {archive}: {why}") from error


def _tar_members(tar: tarfile.TarFile) -> Iterator[Member]:
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
