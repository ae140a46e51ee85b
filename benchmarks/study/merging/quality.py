"""What is measured of one network and its words, piece by piece: prediction, continuations, their speed and errors."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.study.merging.anatomy import anatomy
from benchmarks.study.merging.lesson import count_notes
from benchmarks.study.merging.music import whole_notes
from benchmarks.study.merging.playing import ERRORS, Player, Tally, run_on
from benchmarks.study.merging.words import Words
from benchmarks.study.paired import Json
from model.engine.together import run_together
from model.engine.torch_engine import TorchEngine
from model.evaluation.nmsi import compare_passages
from model.evaluation.passage import Passage
from model.evaluation.play import AT_ONCE, after_prompt
from model.evaluation.references import others, repeated
from model.evaluation.trials import Trial, choose_trials
from model.generate import Continuation
from model.networks.decoder import Decoder
from model.training.corpus import Corpus, Piece
from model.training.crops import plain_crop
from model.training.validation import token_nll


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The music that all networks of one kind of music are measured on."""

    crops: Sequence[Sequence[int]]  # in tokens, whole notes
    known: Sequence[bool]  # of each: some piece of the training split is for the same instruments
    trials: Sequence[Trial]

    @classmethod
    def of(cls, corpus: Corpus, *, length: int, crops: int | None, trials: int) -> "HeldOut":
        """Of both held-out splits: no weights are chosen by either."""
        pieces = [piece for split in ("valid", "test") for piece in corpus.split(split).pieces]
        trained = {frozenset(piece.programs) for piece in corpus.split("train").pieces}
        cut = [(piece, crop) for piece, crop in _cut(_thinned(pieces, crops), length) if count_notes(crop)]
        known = [frozenset(piece.programs) in trained for piece, _ in cut]
        return cls([crop for _, crop in cut], known, choose_trials(pieces)[:trials])


def _thinned(pieces: Sequence[Piece], most: int | None) -> Sequence[Piece]:
    """At most so many, evenly from all."""
    return pieces if most is None else pieces[:: -(-len(pieces) // most)]


def _cut(pieces: Iterable[Piece], length: int) -> Iterable[tuple[Piece, list[int]]]:
    rng = np.random.default_rng(7)
    for piece in pieces:
        yield piece, whole_notes(np.array(plain_crop(piece, length + 1, rng))).tolist()


def measure(network: Decoder, words: Words, held_out: HeldOut) -> Json:
    """All of it, ready for JSON."""
    crops = [words.encode(crop) for crop in held_out.crops]
    trials = held_out.trials
    return {
        "nats": [round(float(token_nll(network, crop).sum()), 4) for crop in crops],
        "words": [len(crop) - 1 for crop in crops],
        "tokens": [len(crop) - 1 for crop in held_out.crops],
        "notes": [count_notes(crop) for crop in held_out.crops],
        "known": list(held_out.known),
        "anatomy": anatomy(words, crops),
        "nmsi_prompt_repeated": _likeness([repeated(t.prompt, t.truth.bars) for t in trials], trials),
        "nmsi_other_piece": _likeness([None if other is None else other.truth for other in others(trials)], trials),
        **continued(network, words, trials),
        **paced(network, words, held_out.crops),
    }


def continued(network: Decoder, words: Words, trials: Sequence[Trial]) -> Json:
    """Side by side, in the reference engine."""
    engine = TorchEngine(network, max_sequences=AT_ONCE)
    player, tallies = Player(engine, words), [Tally() for _ in trials]
    orders = [Continuation.of(t.prompt.score(), bars=t.truth.bars, capacity=engine.capacity) for t in trials]
    writers = [
        player.write(order, seed, tally) for seed, (order, tally) in enumerate(zip(orders, tallies, strict=True))
    ]
    notes = run_together(engine, writers, at_once=AT_ONCE)
    played = [after_prompt(order.whole(each), trial) for order, each, trial in zip(orders, notes, trials, strict=True)]
    return {
        "nmsi": _likeness(played, trials),
        "played_notes": [len(each) for each in notes],
        "played_words": [tally.words for tally in tallies],
        "errors": {kind: [tally.errors[kind] for tally in tallies] for kind in ERRORS},
    }


def paced(network: Decoder, words: Words, crops: Sequence[Sequence[int]]) -> Json:
    """How fast notes come, each crop's beginning given. Seconds are the processor's: others hardly lengthen them."""
    engine, given = TorchEngine(network, max_sequences=AT_ONCE), network.config.context // 4
    writers = [run_on(engine, words, crop[:given], 2 * given) for crop in crops[:AT_ONCE]]
    began = time.process_time_ns()
    notes = run_together(engine, writers, at_once=AT_ONCE)
    return {"paced_notes": sum(notes), "seconds": round((time.process_time_ns() - began) / 1e9, 3)}


def _likeness(passages: Iterable[Passage | None], trials: Sequence[Trial]) -> list[float | None]:
    """NMSI of each passage beside its trial's truth."""
    pairs = zip(passages, trials, strict=True)
    return [None if each is None else round(compare_passages(each, trial.truth).nmsi, 4) for each, trial in pairs]
