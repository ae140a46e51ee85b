"""`tradefours study bpe`: what does byte-pair encoding do to symbolic music, for piano and for many instruments?"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.study.data import opened
from benchmarks.study.identity import hashed
from benchmarks.study.merging.compare import standings, trends
from benchmarks.study.merging.lesson import AS_WRITTEN, Merged, tagged
from benchmarks.study.merging.music import Music, only
from benchmarks.study.merging.pictures import draw
from benchmarks.study.merging.plan import FULL, PLAIN, QUICK, MergingPlan, Run, runs
from benchmarks.study.merging.quality import HeldOut, measure
from benchmarks.study.merging.report import PNG, page
from benchmarks.study.merging.words import Scope, Words, learn, unmerged
from benchmarks.study.paired import Json
from benchmarks.study.phrases import origin
from benchmarks.study.training import WATCHED, Deadline, trained
from benchmarks.study.work import measured, work_through
from model.training.corpus import Corpus
from model.training.crops import CropSampler

LEARNED = "words"  # folder
READING_SEED = 1_000_003  # of what merges are learned from: no network's


@dataclass(frozen=True, slots=True)
class Bpe:
    """Implements Study."""

    plan: MergingPlan

    @property
    def measurements(self) -> str:
        return f"measured-{self.plan.crops or 'all'}-{self.plan.trials}.json"

    def runs(self, data: str) -> Iterator[Run]:
        return runs(self.plan, data)

    def labour(self, corpus: Corpus, folder: Path) -> Callable[[Run, Deadline], Json]:
        length, crops, trials = self.plan.shape.context, self.plan.crops, self.plan.trials
        kinds = {music: only(music, corpus) for music in Music}
        held_out = {music: HeldOut.of(each, length=length, crops=crops, trials=trials) for music, each in kinds.items()}

        def do(run: Run, deadline: Deadline) -> Json:
            train = kinds[run.music].split("train")
            words = Words(learned(run, train, folder / LEARNED), run.way.merges)
            deadline.check()
            watched = held_out[run.music].crops[:WATCHED]
            network = trained(run, lambda: Merged(run, words, train, watched), folder / run.name, deadline)
            deadline.check()
            return measure(tagged(network, words), words, held_out[run.music])

        return do


def learned(run: Run, train: Corpus, folder: Path) -> str:
    """What `Words` wants: read from the folder, or learned from as much of the training split as the plan says."""
    if not run.way.merges:
        return unmerged()
    what = {"music": run.music, "scope": run.way.scope, "read": run.read, "most": run.most, "data": run.data}
    file = folder / f"{hashed(what | {'context': run.config.context})}.json"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        reading = CropSampler(train, variation=AS_WRITTEN, seed=READING_SEED)
        rows = (reading.batch(number, 1, run.config.context)[0].tolist() for number in range(run.read))
        unfinished = folder / f"{run.name}.new"  # another process may be at the same
        unfinished.write_text(learn(rows, Scope(run.way.scope), run.most))
        unfinished.replace(file)
    return file.read_text()


def study_bpe(corpus: Path, *, quick: bool, folder: Path, out: Path, minutes: float | None) -> None:
    """Train and measure what `folder` lacks, until `minutes` are over; then write the page from what is there."""
    plan, deadline = QUICK if quick else FULL, Deadline(minutes)
    data, study = opened(corpus), Bpe(plan)
    work_through(study, data, folder, deadline)
    found = measured(study, data.fingerprint, folder)
    if not any(run.way == PLAIN for run, _ in found):
        print("no run without merges is complete yet: nothing to compare; the same command goes on")
        return
    write_page(plan, found, folder, out, {"command": f"`tradefours study bpe{' --quick' * quick}`", "data": str(data)})
    print(f"{len(found)} runs: {out / 'bpe.md'}")


def write_page(
    plan: MergingPlan, found: Sequence[tuple[Run, Json]], folder: Path, out: Path, facts: dict[str, str]
) -> None:
    """bpe.md, its picture, and bpe.json with all figures."""
    rows = standings(found)
    facts = facts | origin([each for _, each in found], [folder / run.name for run, _ in found])
    out.mkdir(parents=True, exist_ok=True)
    slopes = trends(found)
    (out / "bpe.md").write_text(page(plan, rows, slopes, facts))
    draw(rows, out / PNG)
    figures = {
        "facts": facts,
        "plan": asdict(plan),
        "rows": list(map(asdict, rows)),
        "trends": list(map(asdict, slopes)),
    }
    (out / "bpe.json").write_text(json.dumps(figures, indent=1) + "\n")
