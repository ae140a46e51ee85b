"""`tradefours study sharing`: does sharing keys and values by attribute save time, and what does it cost?"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.report import commit, cpu
from benchmarks.study.compare import dissections, references, standings
from benchmarks.study.pictures import draw_heads, draw_quality
from benchmarks.study.plan import FULL, MHA, QUICK, Match, Run, StudyPlan
from benchmarks.study.quality import Json
from benchmarks.study.report import HEADS_PNG, QUALITY_PNG, page
from benchmarks.study.speed import speeds
from benchmarks.study.training import ABOUT, Deadline
from benchmarks.study.work import measured, work_through
from model.training.shards import built_path
from server.train import CACHE, open_corpus


def study_sharing(corpus: Path, *, quick: bool, folder: Path, out: Path, minutes: float | None) -> None:
    """Train and measure what `folder` lacks, until `minutes` are over; then write the page from what is there."""
    plan, deadline = QUICK if quick else FULL, Deadline(minutes)
    open_corpus(corpus)  # what is none is better told of here than by every worker
    corpus_file = built_path(corpus, CACHE)
    data = hashlib.sha256(corpus_file.read_bytes()).hexdigest()[:12]
    speed = speeds(plan, folder)
    work_through(plan, data, corpus_file, folder, deadline)
    found = measured(plan, data, folder)
    if not any(run.way == MHA for run, _ in found):
        print(f"no run of {MHA} is complete yet: nothing to compare; the same command goes on")
        return
    command = f"tradefours study sharing{' --quick' * quick}"
    write_page(
        plan, found, speed, folder, out, {"command": f"`{command}`", "data": f"`{corpus_file.name}`, sha256 {data}"}
    )
    print(f"{len(found)} runs: {out / 'sharing.md'}")


def write_page(
    plan: StudyPlan, found: Sequence[tuple[Run, Json]], speed: Json, folder: Path, out: Path, facts: dict[str, str]
) -> None:
    """sharing.md, its pictures, and sharing.json with all figures."""
    rows = standings(found)
    match = next(match for match in Match if any(row.match is match for row in rows))
    heads = dissections(found, match)
    wall = {run.name: json.loads((folder / run.name / ABOUT).read_text())["wall_s"] for run, _ in found}
    facts = facts | {
        "commit": ", ".join(sorted({commit(), *(each["commit"] for _, each in found)})),
        "hardware": cpu(),
        "training": f"{len(wall)} runs, {sum(wall.values()) / 3600:.1f} hours in all, one thread each",
        "speed measured": speed["date"],
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    out.mkdir(parents=True, exist_ok=True)
    (out / "sharing.md").write_text(page(plan, rows, heads, references(found), speed, facts))
    small = [row for row in speed["rows"] if row["shape"] == "small" and row["sequences"] == 1]
    draw_quality([row for row in rows if row.match is match], small, out / QUALITY_PNG)
    if len(heads) > 1:
        draw_heads(heads, out / HEADS_PNG)
    figures = {
        "facts": facts,
        "plan": asdict(plan),
        "rows": [asdict(row) for row in rows],
        "nmsi": references(found),
        "heads": {way: {name: values.tolist() for name, values in each.items()} for way, each in heads.items()},
        "speed": speed,
    }
    (out / "sharing.json").write_text(json.dumps(figures, indent=1) + "\n")
