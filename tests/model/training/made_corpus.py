"""A small corpus that we make ourselves: scales and a drum beat, in known keys, meters and splits."""

import csv
import io
import tarfile
from pathlib import Path

from model.training.cleaning import build_corpus
from model.training.corpus import Corpus
from music.files import write_midi
from music.score import DRUMS, Note, Part, Score
from music.time import Meter, MeterChange, Tempo, Tick

COLUMNS = ("source", "path", "genre", "timing", "ts", "split")
SCALE = (60, 62, 64, 65, 67, 69, 71, 72)


def scale_score(bars: int = 8, *, meter: Meter | None = None) -> Score:
    """A melody in eighths and a drum on every beat."""
    melody = [Note(Tick(i * 240), 0, SCALE[i % 8], 64 + i % 5, 240) for i in range(8 * bars)]
    beat = [Note(Tick(i * 480), 1, 36, 100, 60) for i in range(4 * bars)]
    return Score(
        (Part(0), Part(DRUMS)),
        tuple(sorted(melody + beat)),
        (Tempo.from_bpm(100),),
        (MeterChange(Tick(0), meter or Meter()),),
    )


def made_members() -> list[tuple[dict[str, str], bytes]]:
    """Twelve pieces, two of them for validation, one broken, one without a meter."""
    rows = []
    for i in range(12):
        about = dict.fromkeys(COLUMNS, "") | {
            "source": "made",
            "path": f"made/{i}.mid",
            "genre": "folk" if i % 2 else "game",
            "ts": "4/4" if i != 3 else "",
            "split": "valid" if i >= 10 else "train",
        }
        rows.append((about, b"not MIDI" if i == 5 else write_midi(scale_score(4 + i))))
    return rows


def made_corpus() -> Corpus:
    return build_corpus(made_members(), progress=lambda: None)


def made_archive(path: Path) -> Path:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    writer.writerows(about for about, _ in made_members())
    with tarfile.open(path, "w:xz") as tar:
        for name, data in [("manifest.csv", text.getvalue().encode()), *((a["path"], d) for a, d in made_members())]:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path
