"""Which networks the study of sharing trains, in which order, and how much of each is measured. Trains nothing.

Three comparisons: all ways at equal width and depth, where those that share more have fewer parameters; the same,
trained so that keys and values learn faster; and all with as many parameters as `mha`, which they spend on a wider MLP.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Final

from benchmarks.study.identity import Identified
from model.networks.config import GROUPS, NetworkConfig, Sharing
from model.tokens.vocabulary import Attribute
from model.training.trainer import OWN_STEP


class Match(StrEnum):
    """What all ways have in common."""

    WIDTH = "equal width"
    OWN_STEP = "equal width, keys and values with a step of their own"  # in training
    PARAMETERS = "equal parameters"


MHA: Final = "mha"  # what all others are set beside
POOLED: Final = "pooled"  # shares nothing: as many parameters as `mha`, one step for each note
WAYS: Final = (*(sharing.value for sharing in Sharing), POOLED)
OURS: Final = ("grouped", "routed", "partitioned")  # readings of the paper's idea


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyPlan:
    """How large a study is."""

    shape: NetworkConfig  # with `mha`
    ways: tuple[str, ...] = WAYS
    matches: tuple[Match, ...] = tuple(Match)
    seeds: int
    steps: int
    batch: int  # crops of the whole context in a step
    crops: int | None  # held-out pieces whose tokens are predicted; None is all
    trials: int  # held-out pieces that are continued
    dissected: int  # held-out crops on which heads are looked at
    contexts: tuple[int, ...] = (512, 2048, 8192)
    sequences: tuple[int, ...] = (1, 8)
    speed_s: float  # of rounds, for each shape and context

    @property
    def tokens(self) -> int:
        """That a run learns from."""
        return self.steps * self.batch * self.shape.context

    def of(self, match: Match) -> tuple[str, ...]:
        """The ways that are set side by side so: `pooled`, a rival, learns as it did first."""
        return tuple(way for way in self.ways if not (way == POOLED and match is Match.OWN_STEP))


FULL: Final = StudyPlan(  # two hours of two cores
    shape=NetworkConfig(sharing=Sharing.MHA, layers=3, width=128, heads=8, head_size=16, hidden=320, context=256),
    seeds=3, steps=300, batch=8, crops=None, trials=300, dissected=24, speed_s=12.0,
)  # fmt: skip
QUICK: Final = replace(  # the first of the same runs, measured on less music
    FULL, matches=(Match.WIDTH,), seeds=2, crops=120, trials=60, dissected=12, contexts=(512, 2048), speed_s=2.0
)


@dataclass(frozen=True, slots=True)
class Run(Identified):
    """One network to be trained. What decides its weights decides its folder's name, and nothing else does."""

    way: str
    match: Match
    config: NetworkConfig
    seed: int
    steps: int
    batch: int
    data: str  # fingerprint of the corpus

    @property
    def identity(self) -> dict[str, object]:
        of_weights = ("config", "seed", "steps", "batch", "data")
        wiring = {"wiring": POOLED} if self.way == POOLED else {}  # its shape is that of `mha`
        own_step = OWN_STEP if self.match is Match.OWN_STEP else {}
        return {name: value for name, value in asdict(self).items() if name in of_weights} | wiring | own_step

    @property
    def label(self) -> str:
        return f"{self.way}, {self.match}, seed {self.seed}"


def runs(plan: StudyPlan, data: str) -> Iterator[Run]:
    """Round by round: after one seed of all ways there is a whole table.

    At equal parameters `mha` and `pooled` are what they are at equal width, trained once.
    """
    for seed in range(plan.seeds):
        for match in plan.matches:
            for way in plan.of(match):
                config = shaped(plan.shape, way, match)
                yield Run(way, match, config, seed, plan.steps, plan.batch, data)


def shaped(shape: NetworkConfig, way: str, match: Match) -> NetworkConfig:
    """`shape` with another way of sharing."""
    config = replace(shape, sharing=Sharing.MHA if way == POOLED else Sharing(way))
    if match is not Match.PARAMETERS:
        return config
    missing = parameters(replace(shape, sharing=Sharing.MHA)) - parameters(config)
    return replace(config, hidden=config.hidden + round(missing / (3 * config.width * config.layers)))


def parameters(config: NetworkConfig) -> int:
    """How many numbers training can change."""
    rows = (2 * config.heads + 2 * config.kv_projections) * config.head_size
    leaning = GROUPS * len(Attribute) if config.sharing is Sharing.GROUPED else 0
    block = config.width * (rows + 3 * config.hidden + 2) + leaning
    return config.layers * block + config.width * (config.vocabulary + 1)
