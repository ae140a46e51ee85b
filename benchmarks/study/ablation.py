"""`tradefours study perceivers`: what each of the ideas of PerceiverS adds, on networks trained side by side."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

from benchmarks.study.ablation_page import COVERAGE, page
from benchmarks.study.coverage import draw_coverage
from benchmarks.study.data import opened
from benchmarks.study.identity import Identified
from benchmarks.study.paired import Json
from benchmarks.study.performances import Music, measure
from benchmarks.study.phrases import origin
from benchmarks.study.training import Deadline, trained_weights
from benchmarks.study.work import measured, work_through
from model.checkpoint import load_any
from model.networks.perceiver import Perceiver, PerceiverConfig
from model.training.corpus import Corpus
from model.training.performing import Performances, Performing
from model.training.segments import Segmentation, Sizes

WATCHED: Final = 8  # held-out crops of the curve; no weights are chosen by it


class Way(StrEnum):
    """Each adds to the one before it."""

    BASELINE = "Perceiver AR"
    SEGMENTED = "+ effective segmentation"
    SCALED = "+ multi-scale"
    EVEN = "+ even ends"  # ours


CUTS: Final = {
    Way.BASELINE: Segmentation.FULL,
    Way.SEGMENTED: Segmentation.EFFECTIVE,
    Way.SCALED: Segmentation.EFFECTIVE,
    Way.EVEN: Segmentation.EVEN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AblationPlan:
    """How large the study is. All ways see as many crops, and are asked for as many tokens."""

    shape: PerceiverConfig  # with both cross-attentions
    seeds: int
    steps: int
    batch: int  # crops in a step
    pieces: int  # held-out pieces whose tokens are predicted, the first `spans` contexts of each
    spans: int = 2
    samples: int  # pieces played from nothing, and as many human ones beside them
    bars: int  # of 1.92 s, in each of them

    @property
    def asked(self) -> int:
        """Tokens that a run learns to predict, at most."""
        return self.steps * self.batch * self.shape.latents


FULL: Final = AblationPlan(
    shape=PerceiverConfig(
        layers=4, width=192, heads=4, head_size=48, hidden=512, latents=128, context=2048, short=128
    ),
    seeds=3, steps=2000, batch=8, pieces=80, samples=64, bars=32,
)  # fmt: skip
QUICK: Final = AblationPlan(
    shape=PerceiverConfig(layers=2, width=128, heads=4, head_size=32, hidden=320, latents=64, context=512, short=64),
    seeds=3, steps=400, batch=8, pieces=40, samples=32, bars=16,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class AblationRun(Identified):
    """One network to be trained."""

    way: Way
    config: PerceiverConfig
    seed: int
    steps: int
    batch: int
    data: str  # fingerprint of the corpus

    @property
    def identity(self) -> dict[str, object]:
        return {**asdict(self), "way": CUTS[self.way].value}

    @property
    def label(self) -> str:
        return f"{self.way}, seed {self.seed}"


@dataclass(frozen=True, slots=True)
class Ablation:
    """Implements Study."""

    plan: AblationPlan

    @property
    def measurements(self) -> str:
        plan = self.plan
        return f"measured-{plan.pieces}x{plan.spans}-{plan.samples}x{plan.bars}.json"

    def runs(self, data: str) -> Iterator[AblationRun]:
        """Round by round: after one seed of all ways there is a whole table."""
        plan = self.plan
        for seed in range(plan.seeds):
            for way in Way:
                short = None if way in (Way.BASELINE, Way.SEGMENTED) else plan.shape.short
                yield AblationRun(way, replace(plan.shape, short=short), seed, plan.steps, plan.batch, data)

    def labour(self, corpus: Corpus, folder: Path) -> Callable[[AblationRun, Deadline], Json]:
        plan, shape = self.plan, self.plan.shape
        music = Music.of(corpus, shape, pieces=plan.pieces, spans=plan.spans, samples=plan.samples, bars=plan.bars)
        pieces = Performances.of(corpus)

        def lesson(run: AblationRun) -> Performing:
            how, context = CUTS[run.way], run.config.context
            return Performing(run.config, pieces, context=context, how=how, seed=run.seed, held_out=WATCHED)

        def do(run: AblationRun, deadline: Deadline) -> Json:
            network = load_any(trained_weights(run, lambda: lesson(run), folder / run.name, deadline))
            assert isinstance(network, Perceiver)
            deadline.check()
            return measure(network, music)

        return do


def study_perceivers(corpus: Path, *, quick: bool, folder: Path, out: Path, minutes: float | None) -> None:
    """Train and measure what `folder` lacks, until `minutes` are over; then write the page from what is there."""
    plan, deadline = QUICK if quick else FULL, Deadline(minutes)
    data, study = opened(corpus), Ablation(plan)
    work_through(study, data, folder, deadline)
    found = measured(study, data.fingerprint, folder)
    by_way = {way: [each for run, each in found if run.way is way] for way in Way}
    if not all(by_way.values()):
        print("no round is complete yet: nothing to compare; the same command goes on")
        return
    facts = {
        "command": f"`tradefours study perceivers{' --quick' * quick}`",
        "data": str(data),
        **origin([each for _, each in found], [folder / run.name for run, _ in found]),
    }
    out.mkdir(parents=True, exist_ok=True)
    draw_coverage(Sizes(plan.shape.latents, plan.shape.context), out / COVERAGE)
    (out / "perceivers.md").write_text(page(plan.shape, plan.asked, plan.seeds, by_way, facts))
    figures = {"facts": facts, "plan": asdict(plan), "ways": by_way}
    (out / "perceivers.json").write_text(json.dumps(figures, indent=1) + "\n")
    print(f"{len(found)} runs: {out / 'perceivers.md'}")
