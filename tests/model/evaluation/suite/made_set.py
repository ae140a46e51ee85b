"""A small archive of our own, and a set of prompts chosen from it: duets with drums, and piano pieces."""

import csv
import io
import tarfile
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np

from model.evaluation.suite.choice import choose
from model.evaluation.suite.prompts import Prompt, PromptSet, prompt_set, read_prompts
from model.training.archive import members
from model.training.cleaning import build_corpus
from music.files import write_midi
from music.score import DRUMS, Note, Part, Score
from music.time import Meter, MeterChange, Tempo, Tick

COLUMNS = ("source", "path", "genre", "ts", "split", "piece", "licence")
BARS = 26  # two stretches of twelve, and two bars


def made_score(seed: int, *programs: int) -> Score:
    """A part's melody in eighths for each program, and a part that never plays in the first stretch."""
    rng = np.random.default_rng(seed)
    notes = [
        Note(Tick(i * 240), part, 36 if program == DRUMS else int(rng.integers(50, 80)), 80, 240)
        for part, program in enumerate(programs)
        for i in range(8 * BARS)
    ]
    late = Note(Tick((BARS - 2) * 1920), len(programs), 60, 80, 240)
    parts = tuple(map(Part, (*programs, programs[0])))
    return Score(parts, tuple(sorted([*notes, late])), (Tempo.from_bpm(90),), (MeterChange(Tick(0), Meter()),))


@cache
def made_archive() -> Path:
    rows = []
    for i in range(8):
        kind = {"genre": "pop piano arr", "source": "pianos"} if i < 3 else {"genre": "folk", "source": f"band{i % 2}"}
        path = f"{kind['source']}/{i}.mid"
        about = kind | {"path": path, "ts": "4/4", "split": "valid", "piece": f"p{i}", "licence": "CC0-1.0"}
        rows.append((about, write_midi(made_score(i, *((0,) if i < 3 else (24, DRUMS))))))
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    writer.writerows(about for about, _ in rows)
    target = Path(mkdtemp()) / "made.tar.xz"
    with tarfile.open(target, "w:xz") as tar:
        for name, data in [("manifest.csv", text.getvalue().encode()), *((a["path"], d) for a, d in rows)]:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return target


@cache
def made_text() -> str:
    corpus = build_corpus(members(made_archive()), progress=lambda: None)
    return choose(made_archive(), corpus, "valid")


@cache
def made_set() -> PromptSet:
    file = made_archive().with_suffix(".json")
    file.write_text(made_text())
    return prompt_set(file)


@cache
def made_prompts() -> tuple[Prompt, ...]:
    return tuple(read_prompts(made_archive(), made_set()))
