"""What is measured of one PerceiverS: how it predicts held-out piano, and what it plays from nothing, beside humans."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from benchmarks.study.paired import Json
from model.engine.backends import make_engine
from model.engine.together import run_together
from model.engine.work import Sampling
from model.evaluation.passage import Passage, trimmed
from model.evaluation.sets import FEWEST, SetCloseness, compare_sets
from model.networks.perceiver import Perceiver, PerceiverConfig
from model.recital import Recital
from model.tokens.performance import decode_performance, encode_performance
from model.training.corpus import Corpus
from model.training.encoding import Tokens
from model.training.performing import performances
from model.training.segments import Segmentation, Sizes, asked, crop, ends
from music.errors import BadSetting
from music.score import Note, Part, Score
from music.time import NOMINAL_BPM, Meter

AT_ONCE: Final = 8
STRETCHES: Final = ("first", "within", "beyond")  # of a piece: the latents' worth, within the context, beyond it
GRAM: Final = 6  # notes in a row that have been played before are a repetition
QUARTERS: Final = 4
LAGS: Final = tuple(2**i for i in range(10))
BAR_TICKS: Final = Meter().bar_ticks  # at the nominal tempo a tick is a millisecond
Pitches = tuple[int, ...]


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
        humans = [passage_of(notes, bars) for notes in _spread(long, samples)]
        if len(humans) < FEWEST:
            raise BadSetting(f"expected at least {FEWEST} held-out pieces of piano for {bars} bars, got {len(humans)}")
        predicted = [tokens[: spans * shape.context + 1] for tokens in _spread(found, pieces)]
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
        for end in ends(Segmentation.EFFECTIVE_IN_TURN, len(piece), sizes):
            places = np.array(asked(end, len(piece), sizes))
            stretch = (places > sizes.latents).astype(np.int64) + (places > sizes.context)
            nats[row] += np.bincount(stretch, _nats(network, piece, end, sizes), len(STRETCHES))
            counts[row] += np.bincount(stretch, minlength=len(STRETCHES))
    return nats, counts


@torch.inference_mode()
def _nats(network: Perceiver, piece: Tokens, end: int, sizes: Sizes) -> Any:
    each = crop(piece, end, sizes)
    inputs, targets = torch.from_numpy(each.inputs)[None], torch.from_numpy(each.targets)
    logits = network(inputs, latents=sizes.latents, pads=torch.tensor([each.pads]))[0]
    asked_for = targets >= 0
    return functional.cross_entropy(logits[asked_for], targets[asked_for], reduction="none").double().numpy()


def played(network: Perceiver, count: int, bars: int) -> list[list[Note]]:
    """From nothing, by chance as the network has it; no token is made less likely."""
    engine = make_engine(network, max_sequences=AT_ONCE)
    order = Recital.of(Score((Part(),), ()), seconds=bars * BAR_TICKS / 1000, sampling=Sampling())
    return run_together(engine, [order.write(engine, seed) for seed in range(count)], at_once=AT_ONCE)


def passage_of(notes: Sequence[Note], bars: int) -> Passage:
    return Passage(trimmed(notes, 0, bars * BAR_TICKS), (0,), bars, bpm=NOMINAL_BPM)


def habits(passages: Sequence[Passage]) -> Json:
    """Of a set: repetitions a second in each quarter, the longest one in notes, how tokens resemble later ones."""
    found = np.array([autocorrelation(encode_performance(sorted(passage.notes))) for passage in passages])
    counts = np.isfinite(found).sum(axis=0)
    correlations = [
        float(np.nansum(lag)) / count if count else np.nan for lag, count in zip(found.T, counts, strict=True)
    ]
    return {
        "repeats": np.mean([repeats(passage) for passage in passages], axis=0).round(4).tolist(),
        "longest": [longest_repeat(_pitches(passage)) for passage in passages],
        "autocorrelation": np.round(correlations, 5).tolist(),
    }


def repeats(passage: Passage) -> list[float]:
    """In each quarter of the time: how often in a second six notes in a row are ones that were played before."""
    known, counts = set[Pitches](), [0] * QUARTERS
    notes = sorted(passage.notes)
    for i in range(len(notes) - GRAM + 1):
        gram = tuple(note.pitch for note in notes[i : i + GRAM])
        counts[QUARTERS * notes[i].onset // passage.ticks] += gram in known
        known.add(gram)
    return [QUARTERS * count / passage.seconds(passage.ticks) for count in counts]


def longest_repeat(pitches: Pitches) -> int:
    """The most notes in a row that are played twice, overlaps included."""
    low, high = 0, len(pitches) - 1  # what repeats at a length repeats at every shorter one
    while low < high:
        length = (low + high + 1) // 2
        grams = [pitches[i : i + length] for i in range(len(pitches) - length + 1)]
        low, high = (length, high) if len(set(grams)) < len(grams) else (low, length - 1)
    return max(0, low)


def autocorrelation(tokens: Sequence[int]) -> list[float]:
    """For each lag: how much oftener a token comes again after it than by chance. nan where there are too few."""
    array = np.array(tokens)
    chance = float(((np.bincount(array) / len(array)) ** 2).sum()) if len(array) else 0.0
    return [float((array[lag:] == array[:-lag]).mean()) - chance if len(array) > lag else np.nan for lag in LAGS]


def _pitches(passage: Passage) -> Pitches:
    return tuple(note.pitch for note in sorted(passage.notes))


def _figures(closeness: SetCloseness) -> Json:
    """Overlap Area with its interval, and the divergence on one grid."""
    area = closeness.overlap_area
    return {"oa": [round(x, 4) for x in (area.value, area.low, area.high)], "kld": round(closeness.kld.value, 4)}


def _spread(items: Sequence[Any], most: int) -> list[Any]:
    """At most so many of them, evenly."""
    if len(items) <= most:
        return list(items)
    places = accumulate([len(items) / most] * (most - 1), initial=0.0)
    return [items[int(place)] for place in places]
