"""What is measured of solo piano in performance tokens: how it is predicted, what is played, how it repeats itself."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from model.engine.together import Writer, run_together
from model.engine.work import Draw, Engine, EngineSequence, Sampling, Step
from model.evaluation.intervals import Interval, mean_interval
from model.evaluation.passage import Passage, trimmed
from model.evaluation.sets import SetReport, compare_sets
from model.networks.perceiver import Perceiver
from model.networks.perceiver_stream import PerceiverStream
from model.recital import Recital
from model.tokens.performance import (
    END,
    SIZE,
    Performance,
    advance,
    allowed,
    decode_performance,
    encode_performance,
)
from model.training.corpus import Corpus
from model.training.encoding import Tokens
from model.training.ngram import NGram
from model.training.performing import performances
from model.training.segments import Segmentation, Sizes, asked, crop, ends
from music.errors import BadSetting
from music.score import Note, Part, Score
from music.time import NOMINAL_BPM, Meter

S = TypeVar("S", bound=EngineSequence)
Nats = NDArray[np.float64]
Places = NDArray[np.int64]
Progress = Callable[[str, int], Callable[[], object]]  # what is done and how often -> what to call after each
Pitches = tuple[int, ...]
GRAM: Final = 6  # notes in a row that have been played before are a repetition
QUARTERS: Final = 4
LAGS: Final = tuple(2**i for i in range(10))
BAR_TICKS: Final = Meter().bar_ticks  # at the nominal tempo a tick is a millisecond
AT_ONCE: Final = 8
NETWORK, FIVE_GRAM = "network", "5-gram"


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How much is measured."""

    pieces: int | None  # whose tokens are predicted, of each split; None is all
    contexts: int  # so many of the network's contexts of each, from the beginning
    samples: int  # played from nothing, and as many humans
    tokens: int  # in each of them
    streams: int  # held-out pieces that are streamed token by token, in both ways
    minutes: float  # of one long piece


FULL: Final = Extent(pieces=None, contexts=2, samples=32, tokens=8192, streams=8, minutes=5)
QUICK: Final = Extent(pieces=4, contexts=1, samples=8, tokens=1024, streams=2, minutes=0.5)
LEAST: Final = 6  # samples: half of them have three distances among them, of which a density can be made
STREAMED: Final = 4  # windows of each of them; the first is the same in both ways


@dataclass(frozen=True, slots=True)
class SoloEvaluation:
    prediction: Mapping[str, Mapping[str, Interval]]  # split -> player -> nats per token, over pieces
    predicted: Mapping[str, int]  # split -> tokens
    drift: Mapping[str, Interval]  # of streaming
    machine: Sequence[Passage]
    human: Sequence[Passage]
    sets: SetReport
    habits: Mapping[str, Mapping[str, Interval]]  # who -> figure
    long: Mapping[str, Passage]  # who -> a piece of so many minutes; of humans, where one is as long


def evaluate_solo(
    network: Perceiver, engine: Engine[S], corpus: Corpus, extent: Extent, seed: int, progress: Progress
) -> SoloEvaluation:
    """NLL on every held-out split beside a 5-gram that has read the training split; samples beside held-out humans."""
    held_out = {split: performances(corpus.split(split)) for split in ("valid", "test") if corpus.split(split).pieces}
    long = [piece for pieces in held_out.values() for piece in pieces if len(piece) > extent.tokens + 1]
    if min(len(long), extent.samples) < LEAST:
        wanted = f"expected at least {LEAST} samples and as many held-out pieces of {extent.tokens} tokens"
        raise BadSetting(f"{wanted}, got {extent.samples} and {len(long)}")
    sizes = Sizes(network.config.latents, network.config.context)
    rival = NGram(np.concatenate(performances(corpus.split("train"))), vocabulary=SIZE)
    prediction, counts = dict[str, Mapping[str, Interval]](), dict[str, int]()
    for split, found in held_out.items():
        pieces = [piece[: extent.contexts * sizes.context + 1] for piece in found if len(piece) > sizes.latents]
        if extent.pieces is not None:
            pieces = spread(pieces, extent.pieces)
        prediction[split], counts[split] = _prediction(
            network, rival, pieces, sizes, progress(f"NLL on {split}", len(pieces))
        )
    streamed = spread(long, extent.streams)
    drifts = _drift(network, streamed, progress("streaming", len(streamed)))
    human = [_passage(piece[1 : extent.tokens + 1].tolist()) for piece in spread(long, extent.samples)]
    machine = play(engine, len(human), extent.tokens, seed, progress("samples", len(human)))
    return SoloEvaluation(
        prediction,
        counts,
        drifts,
        machine,
        human,
        compare_sets(human, machine),
        {"machine": _habits(machine), "human": _habits(human)},
        _long_pieces(engine, held_out, extent.minutes, seed, progress("a long piece", 1)),
    )


def _prediction(
    network: Perceiver, rival: NGram, pieces: Sequence[Tokens], sizes: Sizes, progress: Callable[[], object]
) -> tuple[dict[str, Interval], int]:
    """Every piece weighs as much as any other."""
    ours, theirs, tokens = list[float](), list[float](), 0
    for piece in pieces:
        nats = list[Nats]()
        places = list[Places]()
        for at, each in token_nats(network, piece, sizes):
            places.append(at)
            nats.append(each)
        asked_for = np.concatenate(places)
        ours.append(float(np.concatenate(nats).mean()))
        theirs.append(float(rival.nll(piece.tolist())[asked_for - 1].mean()))
        tokens += len(asked_for)
        progress()
    return {NETWORK: mean_interval(ours), FIVE_GRAM: mean_interval(theirs)}, tokens


def token_nats(network: Perceiver, piece: Tokens, sizes: Sizes) -> list[tuple[Places, Nats]]:
    """Crop behind crop, every token once but for a rest: places in the piece, and the nats of what is there."""
    return [
        (np.array(asked(end, len(piece), sizes)), _nats(network, piece, end, sizes))
        for end in ends(Segmentation.EFFECTIVE_IN_TURN, len(piece), sizes)
    ]


@torch.inference_mode()
def _nats(network: Perceiver, piece: Tokens, end: int, sizes: Sizes) -> Nats:
    known = min(sizes.context, max(sizes.latents, end - 1))  # what nothing is before need not be padded
    each = crop(piece, end, Sizes(sizes.latents, known))
    inputs, targets = torch.from_numpy(each.inputs)[None], torch.from_numpy(each.targets)
    logits = network(inputs, latents=sizes.latents, pads=torch.tensor([each.pads]))[0]
    asked_for = targets >= 0
    nats: Nats = functional.cross_entropy(logits[asked_for], targets[asked_for], reduction="none").double().numpy()
    return nats


@torch.inference_mode()
def _drift(network: Perceiver, pieces: Sequence[Tokens], progress: Callable[[], object]) -> dict[str, Interval]:
    """What the rolling way of streaming costs beside the exact one, behind the first window of each piece."""
    found = list[tuple[float, float, float]]()
    latents = network.config.latents
    for piece in pieces:
        tokens = piece[: STREAMED * latents + 1].tolist()
        exact, rolling = (PerceiverStream(network, is_rolling=is_rolling) for is_rolling in (False, True))
        sums = torch.zeros(3, dtype=torch.float64)
        for place in range(latents, len(tokens)):
            new = tokens[len(exact) : place]
            p, q = (functional.log_softmax(stream.append(new).double(), dim=-1) for stream in (exact, rolling))
            sums += torch.stack((-p[tokens[place]], -q[tokens[place]], (p.exp() * (p - q)).sum()))
        found.append(tuple((sums / (len(tokens) - latents)).tolist()))
        progress()
    names = ("exact, nats a token", "rolling, nats a token", "divergence of rolling from exact, nats")
    return {name: mean_interval(list(values)) for name, values in zip(names, zip(*found, strict=True), strict=True)}


# ---- music from nothing ------------------------------------------------------------------------------


def play(
    engine: Engine[S], count: int, tokens: int, seed: int, progress: Callable[[], object] = lambda: None
) -> list[Passage]:
    """So many pieces of so many tokens, by chance as the network has it; no token is made less likely."""
    writers = [_write(engine, tokens, seed + number) for number in range(count)]
    return [_passage(each) for each in run_together(engine, writers, at_once=AT_ONCE, progress=progress)]


def _write(engine: Engine[S], count: int, seed: int) -> Writer[S, list[int]]:
    sequence, state, tokens = engine.open(seed), Performance(), [END]
    try:
        while len(tokens) <= count:
            draw = Draw(allowed=allowed(state, may_end=False), sampling=Sampling())
            (token,) = yield sequence, Step(keep=len(tokens) - 1, append=(tokens[-1],), draw=draw)
            state = advance(state, token)
            tokens.append(token)
    finally:
        sequence.close()
    return tokens[1:]


def _long_pieces(
    engine: Engine[S],
    held_out: Mapping[str, Sequence[Tokens]],
    minutes: float,
    seed: int,
    progress: Callable[[], object],
) -> dict[str, Passage]:
    """The machine's, and the first held-out human's that is as long, both cut at the same bar."""
    bars = round(minutes * 60_000 / BAR_TICKS)
    recital = Recital.of(Score((Part(),), ()), seconds=bars * BAR_TICKS / 1000, sampling=Sampling())
    (notes,) = run_together(engine, [recital.write(engine, seed)], at_once=1, progress=progress)
    humans = (_passage(piece[1:].tolist()) for pieces in held_out.values() for piece in pieces)
    human = next((each.cut(0, bars) for each in humans if each.bars >= bars), None)
    return {"machine": passage_of(notes, bars), **({"human": human} if human is not None else {})}


def _passage(tokens: Sequence[int]) -> Passage:
    notes = decode_performance(tokens).notes
    return passage_of(notes, max((note.onset for note in notes), default=0) // BAR_TICKS + 1)


def passage_of(notes: Sequence[Note], bars: int) -> Passage:
    return Passage(trimmed(notes, 0, bars * BAR_TICKS), (0,), bars, bpm=NOMINAL_BPM)


# ---- how music repeats itself ------------------------------------------------------------------------


def _habits(passages: Sequence[Passage]) -> dict[str, Interval]:
    by_quarter = np.array([repeats(passage) for passage in passages])
    seconds = [passage.seconds(passage.ticks) for passage in passages]
    correlations = np.array([autocorrelation(encode_performance(sorted(passage.notes))) for passage in passages])
    return {
        "seconds": mean_interval(seconds),
        "notes a second": mean_interval([len(p.notes) / s for p, s in zip(passages, seconds, strict=True)]),
        **{f"repetitions a second, quarter {i + 1}": mean_interval(by_quarter[:, i].tolist()) for i in range(QUARTERS)},
        "longest repetition, notes": mean_interval([float(longest_repeat(pitches_of(p))) for p in passages]),
        **{
            f"a token comes again after {lag}, beyond chance": mean_interval(values.tolist())
            for lag, values in zip(LAGS, correlations.T, strict=True)
            if np.isfinite(values).all()
        },
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


def pitches_of(passage: Passage) -> Pitches:
    return tuple(note.pitch for note in sorted(passage.notes))


def spread(items: Sequence[Any], most: int) -> list[Any]:
    """At most so many of them, evenly."""
    return list(items) if len(items) <= most else [items[i * len(items) // most] for i in range(most)]
