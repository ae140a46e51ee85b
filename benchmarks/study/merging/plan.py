"""Which networks the study of byte-pair encoding trains, in which order, and how much of each is measured."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Final

from benchmarks.study.identity import Identified
from benchmarks.study.merging.music import Music
from benchmarks.study.merging.words import Scope
from benchmarks.study.plan import FULL as SHARING
from model.networks.config import NetworkConfig
from model.tokens.vocabulary import VOCABULARY


@dataclass(frozen=True, slots=True)
class Way:
    """How music is written: with so many merged words, which reach so far."""

    merges: int
    scope: Scope = Scope.EVERYTHING

    def __str__(self) -> str:
        return f"{self.merges:,} merges {self.scope}" if self.merges else "no merges"


PLAIN: Final = Way(0)  # what all others are set beside


@dataclass(frozen=True, slots=True, kw_only=True)
class MergingPlan:
    """How large a study is. Lengths are counted in tokens before merging: for all ways the same music."""

    shape: NetworkConfig  # with the vocabulary of no merges
    ways: tuple[Way, ...]
    seeds: int
    steps: int
    batch: int  # passages of the whole context in a step
    read: int  # passages that merges are learned from
    most: int  # merges that are learned, of which a way uses the first
    crops: int | None  # held-out pieces that are predicted, of each kind of music; None is all
    trials: int  # likewise, that are continued

    @property
    def tokens(self) -> int:
        """Of music that a run learns from."""
        return self.steps * self.batch * self.shape.context


FULL: Final = MergingPlan(  # two hours of two cores
    shape=SHARING.shape,
    ways=(
        PLAIN, *(Way(merges) for merges in (1000, 2000, 5000, 10_000, 20_000)),
        Way(2000, Scope.NOTE), Way(2000, Scope.ONSET),
    ),
    seeds=2, steps=150, batch=8, read=8000, most=20_000, crops=150, trials=60,
)  # fmt: skip
QUICK: Final = replace(  # the first of the same runs, measured on less music
    FULL, ways=(PLAIN, Way(2000), Way(10_000)), seeds=1, crops=60, trials=40
)


@dataclass(frozen=True, slots=True)
class Run(Identified):
    """One network to be trained. Implements the Run of `training`."""

    music: Music
    way: Way
    config: NetworkConfig
    seed: int
    steps: int
    batch: int
    read: int
    most: int
    data: str  # fingerprint of the corpus

    @property
    def identity(self) -> dict[str, object]:
        return {"study": "bpe", **asdict(self)}

    @property
    def label(self) -> str:
        return f"{self.music}, {self.way}, seed {self.seed}"


def runs(plan: MergingPlan, data: str) -> Iterator[Run]:
    """Round by round: after one seed of all there is a whole table."""
    for seed in range(plan.seeds):
        for way in plan.ways:
            for music in Music:
                config = replace(plan.shape, vocabulary=VOCABULARY + way.merges)
                yield Run(music, way, config, seed, plan.steps, plan.batch, plan.read, plan.most, data)
