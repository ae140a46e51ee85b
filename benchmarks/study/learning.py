"""`tradefours study learning`: how soon does each way of sharing learn, and how soon to say again what was said?

All ways see the same batches in the same order, keys and values with a step of their own. Several times in a run a
network is asked twice: what held-out pieces say, and what they say when a passage is played a second time.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from torch import Tensor

from benchmarks.study.data import opened
from benchmarks.study.learning_page import CURVES_PNG, Way, draw_curves, page
from benchmarks.study.paired import Json
from benchmarks.study.phrases import origin
from benchmarks.study.plan import FULL as SHARING
from benchmarks.study.plan import MHA, Match, Run, shaped
from benchmarks.study.quality import GROUP_NAMES
from benchmarks.study.training import WATCHED, Deadline, trained
from benchmarks.study.work import measured, work_through
from model.networks.attention import GROUP_OF_TOKEN
from model.networks.config import GROUPS, NetworkConfig, Sharing
from model.networks.decoder import Decoder
from model.tokens.vocabulary import BAR
from model.training.ahead import Sampler
from model.training.continuing import Continuing
from model.training.corpus import Corpus
from model.training.validation import Validation, token_nll, validation_crops

LOOKS: Final = "looks.json"
SHORTEST: Final = 40  # tokens of a passage that is said twice
WAYS: Final = (MHA, Sharing.ROUTED.value, Sharing.PARTITIONED.value, Sharing.GQA.value, Sharing.MQA.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningPlan:
    """How large a study is."""

    shape: NetworkConfig  # with `mha`
    ways: tuple[str, ...] = WAYS
    seeds: int
    steps: int
    batch: int  # crops of the whole context in a step
    looks: int  # in a run
    pieces: int  # held out

    @property
    def tokens(self) -> int:
        """That a run learns from."""
        return self.steps * self.batch * self.shape.context


FULL: Final = LearningPlan(
    shape=NetworkConfig(sharing=Sharing.MHA, layers=4, width=192, heads=8, head_size=32, hidden=512, context=512),
    seeds=3, steps=1920, batch=8, looks=16, pieces=160,
)  # fmt: skip
QUICK: Final = LearningPlan(
    shape=replace(SHARING.shape, context=384), ways=WAYS[:3], seeds=1, steps=640, batch=8, looks=8, pieces=80
)


@dataclass(frozen=True, slots=True)
class LearningRun(Run):
    """One network to be trained, and how it is looked at meanwhile."""

    looks: int
    pieces: int

    @property
    def identity(self) -> dict[str, object]:
        return {**Run.identity.__get__(self), "looks": self.looks, "pieces": self.pieces}


@dataclass(frozen=True, slots=True)
class Learning:
    """Implements Study."""

    plan: LearningPlan

    @property
    def measurements(self) -> str:
        return "measured.json"

    def runs(self, data: str) -> Iterator[LearningRun]:
        """Round by round: after one seed of all ways there is a whole table."""
        plan = self.plan
        for seed in range(plan.seeds):
            for way in plan.ways:
                config, size = shaped(plan.shape, way, Match.OWN_STEP), (plan.steps, plan.batch)
                yield LearningRun(way, Match.OWN_STEP, config, seed, *size, data, plan.looks, plan.pieces)

    def labour(self, corpus: Corpus, folder: Path) -> Callable[[LearningRun, Deadline], Json]:
        crops = validation_crops(corpus, length=self.plan.shape.context, most=self.plan.pieces)
        repeated = said_twice(crops, self.plan.shape.context)

        def do(run: LearningRun, deadline: Deadline) -> Json:
            place = folder / run.name
            watched = validation_crops(corpus, length=run.config.context, most=WATCHED)

            def lesson() -> Looked:
                continuing = Continuing(run.config, corpus.split("train"), watched, seed=run.seed)
                return Looked(continuing, crops, repeated, place)

            trained(run, lesson, place, deadline, own_step=True, checks=run.looks)
            looks = json.loads((place / LOOKS).read_text())
            return {"looks": looks, "points": json.loads((place / "curve.json").read_text())}

        return do


class Looked:
    """Implements Lesson: another one, at each of whose checks a network is also looked at."""

    def __init__(self, lesson: Continuing, crops: Validation, repeated: "Sequence[Twice]", place: Path) -> None:
        self._lesson, self._crops, self._repeated, self._file = lesson, crops, repeated, place / LOOKS
        # A run that was cut may have looked once more than it remembers.
        curve = place / "curve.json"
        known = len(json.loads(curve.read_text())) if curve.exists() else 0
        self._looks: list[Json] = json.loads(self._file.read_text())[:known] if known else []

    @property
    def network(self) -> Decoder:
        return self._lesson.network

    @property
    def sampler(self) -> Sampler:
        return self._lesson.sampler

    @property
    def settings(self) -> dict[str, str]:
        return self._lesson.settings

    def loss(self, rows: Tensor) -> Tensor:
        return self._lesson.loss(rows)

    def asked(self, size: int, length: int) -> int:
        return self._lesson.asked(size, length)

    def nll(self) -> float:
        self._looks.append(look(self.network, self._crops, self._repeated))
        self._file.write_text(json.dumps(self._looks))
        return self._lesson.nll()


@dataclass(frozen=True, slots=True)
class Twice:
    """A header, whole bars, and the same bars again."""

    tokens: tuple[int, ...]
    first: slice  # of the passage's tokens
    second: slice


def said_twice(crops: Validation, context: int) -> list[Twice]:
    """Of each crop as many whole bars as fit twice, where there is at least one that is long enough."""
    found = []
    for crop in crops:
        bars = [at for at, token in enumerate(crop) if token in BAR]
        room = (context + 1 - bars[0]) // 2 if bars else 0
        ends = [at for at in bars if 0 < at - bars[0] <= room]
        if ends and (length := ends[-1] - bars[0]) >= SHORTEST:
            start, passage = bars[0], crop[bars[0] : ends[-1]]
            second = start + length
            found.append(Twice((*crop[:second], *passage), slice(start, second), slice(second, second + length)))
    return found


def look(network: Decoder, crops: Validation, repeated: Sequence[Twice]) -> Json:
    """Nats and tokens: of held-out pieces (pieces, groups), of a passage's first and second time (passages, groups)."""
    said = [by_group(crop[1:], token_nll(network, crop)) for crop in crops]
    twice = [(each, np.append(0.0, token_nll(network, each.tokens))) for each in repeated]  # nobody asks for the first
    found = {"held out": said}
    for name in ("first", "second"):
        found[name] = [by_group(t.tokens[getattr(t, name)], nats[getattr(t, name)]) for t, nats in twice]
    return {
        name: {"nats": [np.round(nats, 4).tolist() for nats, _ in rows], "tokens": [n.tolist() for _, n in rows]}
        for name, rows in found.items()
    }


def by_group(tokens: Sequence[int], nats: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Sums of nats, and how many tokens, of each attribute group."""
    group = GROUP_OF_TOKEN.numpy()[list(tokens)]
    return np.bincount(group, nats, GROUPS), np.bincount(group, minlength=GROUPS)


def study_learning(corpus: Path, *, quick: bool, folder: Path, out: Path, minutes: float | None) -> None:
    """Train what `folder` lacks, until `minutes` are over; then write the page from what is there."""
    plan = QUICK if quick else FULL
    data, study, deadline = opened(corpus), Learning(plan), Deadline(minutes)
    work_through(study, data, folder, deadline)
    found = measured(study, data.fingerprint, folder)
    ways = [Way.of(name, [each for run, each in found if run.way == name]) for name in plan.ways]
    if not all(way.seeds for way in ways):
        print("no round is complete yet: nothing to compare; the same command goes on")
        return
    places = [folder / run.name for run, _ in found]
    facts = {"command": f"`tradefours study learning{' --quick' * quick}`", "data": str(data)}
    facts |= origin([each for _, each in found], places)
    out.mkdir(parents=True, exist_ok=True)
    (out / "learning.md").write_text(page(plan.shape, plan.tokens, plan.seeds, ways, facts))
    draw_curves(ways, GROUP_NAMES.index("pitch"), out / CURVES_PNG)
    print(f"{len(found)} runs: {out / 'learning.md'}")
