"""`tradefours study sharing`: does sharing keys and values by attribute save time, and what does it cost?"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from benchmarks.study.compare import dissections, references, standings
from benchmarks.study.data import opened
from benchmarks.study.paired import Json
from benchmarks.study.phrases import origin
from benchmarks.study.pictures import draw_heads, draw_quality
from benchmarks.study.plan import FULL, MHA, QUICK, Match, Run, StudyPlan, runs
from benchmarks.study.pooled import wired
from benchmarks.study.quality import HeldOut, measure
from benchmarks.study.report import HEADS_PNG, QUALITY_PNG, page
from benchmarks.study.speed import speeds
from benchmarks.study.training import WATCHED, Deadline, trained
from benchmarks.study.verdict import Live, live
from benchmarks.study.work import measured, work_through
from model.training.continuing import Continuing
from model.training.corpus import Corpus
from model.training.shards import load_corpus
from model.training.validation import validation_crops


@dataclass(frozen=True, slots=True)
class Sharing:
    """Implements Study."""

    plan: StudyPlan

    @property
    def measurements(self) -> str:
        return f"measured-{self.plan.crops or 'all'}-{self.plan.trials}-{self.plan.dissected}.json"

    def runs(self, data: str) -> Iterator[Run]:
        return runs(self.plan, data)

    def labour(self, corpus: Corpus, folder: Path) -> Callable[[Run, Deadline], Json]:
        held_out = HeldOut.of(corpus, self.plan)

        def do(run: Run, deadline: Deadline) -> Json:
            place, own_step = folder / run.name, run.match is Match.OWN_STEP
            network = trained(run, lambda: lesson(run, corpus), place, deadline, own_step=own_step)
            deadline.check()
            return measure(wired(run.way, network), held_out)

        return do


def lesson(run: Run, corpus: Corpus) -> Continuing:
    watched = validation_crops(corpus, length=run.config.context, most=WATCHED)
    lesson = Continuing(run.config, corpus.split("train"), watched, seed=run.seed)
    lesson.network = wired(run.way, lesson.network)
    return lesson


def study_sharing(
    corpus: Path, *, quick: bool, seeds: int | None, folder: Path, out: Path, minutes: float | None
) -> None:
    """Train and measure what `folder` lacks, until `minutes` are over; then write the page from what is there."""
    plan, deadline = QUICK if quick else FULL, Deadline(minutes)
    plan = replace(plan, seeds=seeds or plan.seeds)
    data, study = opened(corpus), Sharing(plan)
    speed = speeds(plan, folder)
    work_through(study, data, folder, deadline)
    found = measured(study, data.fingerprint, folder)
    if not any(run.way == MHA for run, _ in found):
        print(f"no run of {MHA} is complete yet: nothing to compare; the same command goes on")
        return
    options = " --quick" * quick + (f" --seeds {seeds}" if seeds else "")
    facts = {"command": f"`tradefours study sharing{options}`", "data": str(data)}
    write_page(plan, found, speed, live(load_corpus(data.file)), folder, out, facts)
    print(f"{len(found)} runs: {out / 'sharing.md'}")


def write_page(
    plan: StudyPlan,
    found: Sequence[tuple[Run, Json]],
    speed: Json,
    asked: Live,
    folder: Path,
    out: Path,
    facts: dict[str, str],
) -> None:
    """sharing.md, its pictures, and sharing.json with all figures."""
    rows = standings(found)
    match = next(match for match in Match if any(row.match is match for row in rows))
    heads = dissections(found, match)
    places = [folder / name for name in dict.fromkeys(run.name for run, _ in found)]
    facts = facts | origin([each for _, each in found], places) | {"speed measured": speed["date"]}
    out.mkdir(parents=True, exist_ok=True)
    (out / "sharing.md").write_text(page(plan, rows, heads, references(found), speed, asked, facts, found))
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
        "live": asdict(asked),
    }
    (out / "sharing.json").write_text(json.dumps(figures, indent=1) + "\n")
