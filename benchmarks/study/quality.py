"""What is measured of one trained network: how it predicts held-out music, how it goes on with it, what its heads do.

Everything is kept by piece, so that two networks can be compared piece by piece.
"""

from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import torch
from torch import nn

from benchmarks.study.paired import Json
from benchmarks.study.plan import StudyPlan
from benchmarks.study.pooled import Pooled
from model.engine.backends import make_engine
from model.engine.torch_engine import TorchEngine
from model.evaluation.evaluate import TONAL
from model.evaluation.heads import attention_mass, without_group
from model.evaluation.health import examine
from model.evaluation.nmsi import compare_passages
from model.evaluation.passage import Passage
from model.evaluation.play import AT_ONCE, play_continuations
from model.evaluation.prediction import held_out_crops
from model.evaluation.references import others, repeated
from model.evaluation.sets import FEWEST, compare_sets
from model.evaluation.trials import Trial, choose_trials
from model.networks.attention import GROUP_OF_TOKEN
from model.networks.config import GROUPS, Sharing
from model.networks.decoder import Block, Decoder
from model.tokens.vocabulary import DURATION
from model.training.corpus import Corpus
from model.training.validation import Validation, token_nll

GROUP_NAMES: Final = ("time", "part", "pitch", "expression")
DISSECTED: Final = (Sharing.MHA, Sharing.GROUPED)
LINE: Final = 64  # the engine wants layers of a multiple of so many numbers
SEED: Final = 0


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The music that all networks of a study are measured on, the same for all."""

    crops: Validation
    trials: Sequence[Trial]
    dissected: Validation

    @classmethod
    def of(cls, corpus: Corpus, plan: StudyPlan) -> "HeldOut":
        """Of both held-out splits: no weights are chosen by either."""
        pieces = [piece for split in ("valid", "test") for piece in corpus.split(split).pieces]
        crops = held_out_crops(pieces, length=plan.shape.context, most=plan.crops)
        dissected = crops[:: max(1, len(crops) // plan.dissected)][: plan.dissected]
        return cls(crops, choose_trials(pieces)[: plan.trials], dissected)


def measure(network: Decoder, held_out: HeldOut) -> Json:
    """All of it, ready for JSON."""
    nats, tokens = predicted(network, held_out.crops)
    trials = held_out.trials
    played = continued(network, trials)
    found: Json = {
        "nats": np.round(nats, 4).tolist(),
        "tokens": tokens.tolist(),
        "notes": notes(held_out.crops).tolist(),
        "nmsi": _likeness(played, trials),
        "nmsi_prompt_repeated": _likeness([repeated(t.prompt, t.truth.bars) for t in trials], trials),
        "nmsi_other_piece": _likeness([None if other is None else other.truth for other in others(trials)], trials),
        "overlap_share": _overlap_share(played, trials),
        "stuck": [float(examine(each, trial.prompt).stuck) for each, trial in zip(played, trials, strict=True)],
        **{name: [round(of(each), 4) for each in played] for name, of in TONAL.items()},
        **{f"{name}, human": [round(of(trial.truth), 4) for trial in trials] for name, of in TONAL.items()},
    }
    if network.config.sharing in DISSECTED and not isinstance(network, Pooled):
        found |= dissect(network, held_out.dissected)
    return found


def _likeness(passages: Iterable[Passage | None], trials: Sequence[Trial]) -> list[float | None]:
    """NMSI of each passage beside its trial's truth."""
    pairs = zip(passages, trials, strict=True)
    return [None if each is None else round(compare_passages(each, trial.truth).nmsi, 4) for each, trial in pairs]


def predicted(network: Decoder, crops: Validation) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Nats and tokens of each piece and attribute group: (pieces, groups) each."""
    nats, tokens = np.zeros((len(crops), GROUPS)), np.zeros((len(crops), GROUPS), np.int64)
    group_of = GROUP_OF_TOKEN.numpy()
    for row, crop in enumerate(crops):
        group = group_of[list(crop[1:])]
        nats[row] = np.bincount(group, token_nll(network, crop), GROUPS)
        tokens[row] = np.bincount(group, minlength=GROUPS)
    return nats, tokens


def notes(crops: Validation) -> np.ndarray[Any, Any]:
    """Of each piece: every note ends in a duration."""
    return np.array([sum(token in DURATION for token in crop[1:]) for crop in crops])


def continued(network: Decoder, trials: Sequence[Trial]) -> list[Passage]:
    """With the fastest engine, as players hear it; `pooled` has only torch's."""
    if isinstance(network, Pooled):
        return play_continuations(TorchEngine(network, max_sequences=AT_ONCE), trials, SEED, lambda: None)
    return play_continuations(make_engine(padded(network), max_sequences=AT_ONCE), trials, SEED, lambda: None)


def padded(network: Decoder) -> Decoder:
    """The same function with an MLP as wide as the engine wants it: the new numbers are zeros."""
    config = network.config
    hidden = -(-config.hidden // LINE) * LINE
    if hidden == config.hidden:
        return network
    copy = deepcopy(network)
    copy.config = replace(config, hidden=hidden)
    for block in copy.blocks:
        assert isinstance(block, Block)
        _pad(block, hidden - config.hidden)
    return copy


def _pad(block: Block, more: int) -> None:
    gate, up = block.gate_up.weight.detach().chunk(2)
    rows = nn.functional.pad(torch.stack((gate, up)), (0, 0, 0, more)).flatten(0, 1)
    columns = nn.functional.pad(block.down.weight.detach(), (0, more))
    block.gate_up, block.down = _linear(rows), _linear(columns)


def _linear(weight: torch.Tensor) -> nn.Linear:
    linear = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
    linear.weight = nn.Parameter(weight.contiguous())
    return linear


def dissect(network: Decoder, crops: Validation) -> Json:
    """What each head looks at, and what is lost without each group of heads: nats per token by attribute group."""
    mass = torch.stack([attention_mass(network, crop[:-1]) for crop in crops]).mean(dim=0)
    state = network.state_dict()
    return {
        "leaning": {name: state[name].tolist() for name in state if name.endswith("leaning")},
        "mass": np.round(mass.double().numpy(), 4).tolist(),
        "lost": [
            (_by_group(without_group(network, group), crops) - _by_group(network, crops)).round(4).tolist()
            for group in range(GROUPS)
        ],
    }


def _by_group(network: Decoder, crops: Validation) -> np.ndarray[Any, Any]:
    nats, tokens = predicted(network, crops)
    by_group: np.ndarray[Any, Any] = nats.sum(axis=0) / tokens.sum(axis=0)
    return by_group


def _overlap_share(passages: Sequence[Passage], trials: Sequence[Trial]) -> float | None:
    """Of the Overlap Area that humans reach among themselves."""
    if len(trials) < FEWEST:
        return None
    return round(compare_sets([trial.truth for trial in trials], passages).share.value, 4)
