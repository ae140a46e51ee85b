"""What is measured of one PerceiverS: how it predicts held-out piano, and what it plays from nothing, beside humans."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.study.paired import Json
from model.engine.backends import make_engine
from model.engine.together import run_together
from model.engine.work import Sampling
from model.evaluation.passage import Passage
from model.evaluation.performances import (
    AT_ONCE,
    BAR_TICKS,
    autocorrelation,
    longest_repeat,
    passage_of,
    pitches_of,
    repeats,
    spread,
    token_nats,
)
from model.evaluation.sets import FEWEST, SetCloseness, compare_sets
from model.networks.perceiver import Perceiver, PerceiverConfig
from model.recital import Recital
from model.tokens.performance import decode_performance, encode_performance
from model.training.corpus import Corpus
from model.training.encoding import Tokens
from model.training.performing import performances
from model.training.segments import Sizes
from music.errors import BadSetting
from music.score import Note, Part, Score

STRETCHES: Final = ("first", "within", "beyond")  # of a piece: the latents' worth, within the context, beyond it


@dataclass(frozen=True, slots=True)
class Music:
    """What all networks of the study are measured on, the same for all."""

    predicted: Sequence[Tokens]
    humans: Sequence[Passage]  # the beginnings of pieces
    sizes: Sizes

    @classmethod
    def of(cls, corpus: Corpus, shape: PerceiverConfig, *, pieces: int, spans: int, samples: int, bars: int) -> "Music":
        """Of both held-out splits: no weights are chosen by either."""
        held_out = (tokens for split in ("valid", "test") for tokens in performances(corpus.split(split)))
        found = [tokens for tokens in held_out if len(tokens) > shape.latents]
        played = [decode_performance(tokens[1:].tolist()).notes for tokens in found]
        long = [notes for notes in played if notes[-1].onset >= bars * BAR_TICKS]
        humans = [passage_of(notes, bars) for notes in spread(long, samples)]
        if len(humans) < FEWEST:
            raise BadSetting(f"expected at least {FEWEST} held-out pieces of piano for {bars} bars, got {len(humans)}")
        predicted = [tokens[: spans * shape.context + 1] for tokens in spread(found, pieces)]
        return cls(predicted, humans, Sizes(shape.latents, shape.context))


def measure(network: Perceiver, music: Music) -> Json:
    """All of it, ready for JSON."""
    bars = music.humans[0].bars
    machine = [passage_of(notes, bars) for notes in played(network, len(music.humans), bars)]
    sets = compare_sets(music.humans, machine)
    nats, tokens = predicted(network, music)
    return {
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "nats": np.round(nats, 3).tolist(),
        "tokens": tokens.tolist(),
        "machine": {name: _figures(each) for name, each in sets.machine.items()},
        "human": {name: _figures(each) for name, each in sets.human.items()},
        "share": [sets.share.value, sets.share.low, sets.share.high],
        **habits(machine),
        **{f"{name}, human": each for name, each in habits(music.humans).items()},
    }


def predicted(network: Perceiver, music: Music) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Nats and tokens of each piece and stretch, every token once but for a rest: (pieces, stretches) each."""
    nats = np.zeros((len(music.predicted), len(STRETCHES)))
    counts, sizes = np.zeros_like(nats, dtype=np.int64), music.sizes
    for row, piece in enumerate(music.predicted):
        for places, each in token_nats(network, piece, sizes):
            stretch = (places > sizes.latents).astype(np.int64) + (places > sizes.context)
            nats[row] += np.bincount(stretch, each, len(STRETCHES))
            counts[row] += np.bincount(stretch, minlength=len(STRETCHES))
    return nats, counts


def played(network: Perceiver, count: int, bars: int) -> list[list[Note]]:
    """From nothing, by chance as the network has it; no token is made less likely."""
    engine = make_engine(network, max_sequences=AT_ONCE)
    order = Recital.of(Score((Part(),), ()), seconds=bars * BAR_TICKS / 1000, sampling=Sampling())
    return run_together(engine, [order.write(engine, seed) for seed in range(count)], at_once=AT_ONCE)


def habits(passages: Sequence[Passage]) -> Json:
    """Of a set: repetitions a second in each quarter, the longest one in notes, how tokens resemble later ones."""
    found = np.array([autocorrelation(encode_performance(sorted(passage.notes))) for passage in passages])
    counts = np.isfinite(found).sum(axis=0)
    correlations = [
        float(np.nansum(lag)) / count if count else np.nan for lag, count in zip(found.T, counts, strict=True)
    ]
    return {
        "repeats": np.mean([repeats(passage) for passage in passages], axis=0).round(4).tolist(),
        "longest": [longest_repeat(pitches_of(passage)) for passage in passages],
        "autocorrelation": np.round(correlations, 5).tolist(),
    }


def _figures(closeness: SetCloseness) -> Json:
    """Overlap Area with its interval, and the divergence on one grid."""
    area = closeness.overlap_area
    return {"oa": [round(x, 4) for x in (area.value, area.low, area.high)], "kld": round(closeness.kld.value, 4)}
