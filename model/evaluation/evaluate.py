"""Everything that is measured of a network, as one value. Prints nothing, draws nothing, reads no file."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import numpy as np

from model.engine.work import Engine, EngineSequence
from model.evaluation.accompaniment import Fit, fit, melody_last, shuffled_bars, split_melody
from model.evaluation.answers import AnswerFit, answer_fit, phrases
from model.evaluation.groove import groove_consistency
from model.evaluation.health import Health, examine
from model.evaluation.intervals import Interval, mean_interval
from model.evaluation.passage import Passage
from model.evaluation.play import Shaping, play_accompaniments, play_answers, play_continuations
from model.evaluation.prediction import Rivals, compare, held_out_crops
from model.evaluation.references import LikenessReport, compare_continuations, others
from model.evaluation.sets import FEWEST, SetReport, compare_sets
from model.evaluation.tonality import pitch_class_entropy, scale_consistency
from model.evaluation.trials import Trial, choose_trials
from model.networks.decoder import Decoder
from model.training.corpus import Corpus
from model.training.validation import Nll

S = TypeVar("S", bound=EngineSequence)
Progress = Callable[[str, int], Callable[[], object]]  # what is done and how often -> what to call after each
Table = Mapping[str, Mapping[str, Interval]]  # who -> figure -> interval
TONAL: dict[str, Callable[[Passage], float]] = {
    "pitch class entropy, bits": pitch_class_entropy,
    "scale consistency": scale_consistency,
    "groove consistency": groove_consistency,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How much is measured."""

    crops: int | None  # of each split; None is all
    continuations: int
    accompaniments: int
    answers: int


CROP = 1024  # tokens of each piece that are predicted: the same for all networks, whatever their contexts

FULL = Extent(crops=None, continuations=240, accompaniments=120, answers=120)
QUICK = Extent(crops=48, continuations=32, accompaniments=16, answers=16)  # within five minutes on two cores


@dataclass(frozen=True, slots=True)
class Played:
    """A kind of trial, and what the machine made of each."""

    trials: Sequence[Trial]
    machine: Sequence[Passage]


@dataclass(frozen=True, slots=True)
class Evaluation:
    prediction: Mapping[str, Mapping[str, Nll]]  # split -> player -> NLL
    split: str  # that the trials are from
    continuations: Played
    likeness: Mapping[str, LikenessReport]
    sets: SetReport | None  # None for fewer than four trials
    tonal: Table
    health: Table
    accompaniments: Played
    accompaniment: Table
    answers: Played
    answer: Table


def evaluate(
    network: Decoder,
    engine: Engine[S],
    corpus: Corpus,
    rivals: Rivals,
    extent: Extent,
    seed: int,
    progress: Progress,
    shaping: Shaping | None = None,
) -> Evaluation:
    """The test split's pieces where there is one, for all that is played; NLL on every held-out split.

    `shaping`: as players are accompanied, a second row beside the network alone.
    """
    splits = [name for name in ("valid", "test") if corpus.split(name).pieces]
    prediction = {}
    for name in splits:
        pieces = corpus.split(name).pieces
        crops = held_out_crops(pieces, length=min(CROP, network.config.context), most=extent.crops)
        prediction[name] = compare(network, rivals, crops, progress(f"NLL on {name}", len(crops)))
    trials = choose_trials(corpus.split(splits[-1]).pieces)
    continued = trials[: extent.continuations]
    continuations = Played(
        continued, play_continuations(engine, continued, seed, progress("continuations", len(continued)))
    )
    led = [trial for trial in map(melody_last, trials) if trial is not None][: extent.accompaniments]
    accompaniments = Played(led, play_accompaniments(engine, led, seed, progress("accompaniments", len(led))))
    machines = {"machine": accompaniments}
    if shaping is not None:
        done = progress("accompaniments as played", len(led))
        machines["machine, leaning"] = Played(led, play_accompaniments(engine, led, seed, done, shaping))
    asked = phrases(trials)[: extent.answers]
    answers = Played(asked, play_answers(engine, asked, seed, progress("answers", len(asked))))
    human = [trial.truth for trial in continued]
    return Evaluation(
        prediction=prediction,
        split=splits[-1],
        continuations=continuations,
        likeness=compare_continuations(continued, continuations.machine),
        sets=compare_sets(human, continuations.machine) if len(human) >= FEWEST else None,
        tonal={who: _tonal(passages) for who, passages in (("machine", continuations.machine), ("human", human))},
        health={
            "machine": _health(continuations.machine, continued),
            "human": _health(human, continued),
        },
        accompaniments=accompaniments,
        accompaniment=_accompaniment(machines),
        answers=answers,
        answer=_answers(answers),
    )


def _tonal(passages: Sequence[Passage]) -> dict[str, Interval]:
    return {name: mean_interval([measure(p) for p in passages]) for name, measure in TONAL.items()}


def _health(passages: Sequence[Passage], trials: Sequence[Trial]) -> dict[str, Interval]:
    found = [examine(passage, trial.prompt) for passage, trial in zip(passages, trials, strict=True)]
    shares = {
        "stuck": mean_interval([float(each.stuck) for each in found]),
        "runaway": mean_interval([float(each.runaway) for each in found]),
    }
    return shares | _means(Health, found)


def _accompaniment(machines: Mapping[str, Played]) -> dict[str, dict[str, Interval]]:
    """Of the same trials."""
    rng, trials = np.random.default_rng(0), machines["machine"].trials
    melodies, real = ([split_melody(trial.truth)[i] for trial in trials] for i in (0, 1))
    players = {who: played.machine for who, played in machines.items()}
    players |= {"real": real, "real, bars shuffled": [shuffled_bars(each, rng) for each in real]}
    return {
        who: _means(Fit, [fit(*each) for each in zip(parts, melodies, real, strict=True)])
        for who, parts in players.items()
    }


def _answers(played: Played) -> dict[str, dict[str, Interval]]:
    found: dict[str, list[AnswerFit]] = {"machine": [], "the piece itself": [], "another piece": []}
    for trial, machine, other in zip(played.trials, played.machine, others(played.trials), strict=True):
        found["machine"].append(answer_fit(machine, trial.prompt, trial.truth))
        found["the piece itself"].append(answer_fit(trial.truth, trial.prompt, trial.truth))
        if other is not None:
            found["another piece"].append(answer_fit(other.truth, trial.prompt, trial.truth))
    return {who: _means(AnswerFit, each) for who, each in found.items()}


def _means(kind: type[Any], found: Sequence[Any]) -> dict[str, Interval]:
    """Of each field of a dataclass of numbers."""
    return {field.name: mean_interval([float(getattr(each, field.name)) for each in found]) for field in fields(kind)}
