"""Answers to a phrase: whether a second player, alone for as many bars, speaks of the same thing."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from model.evaluation.accompaniment import melody_of
from model.evaluation.nmsi import compare_passages, groove_similarity
from model.evaluation.passage import Passage
from model.evaluation.tonality import share_in_scale_of
from model.evaluation.trials import FEWEST_NOTES, PROMPT_BARS, Trial
from music.score import DRUMS


@dataclass(frozen=True, slots=True)
class AnswerFit:
    """Of an answer to its phrase; nan where there is nothing to measure."""

    in_scale: float  # share of notes in the phrase's scale
    groove: float  # likeness of its rhythm to the phrase's, bar by bar
    register: float  # semitones between the mean pitches
    density: float  # notes against the phrase's
    empty_bars: float  # share
    nmsi: float  # likeness to what the piece does next


def phrase_of(trial: Trial) -> Trial | None:
    """The melody alone, or the only part; four bars of it, and the four that follow. None where there is no melody."""
    playing = {note.part for note in trial.prompt.notes}
    part = playing.pop() if len(playing) == 1 else melody_of(trial.prompt)
    if part is None or trial.prompt.programs[part] == DRUMS:
        return None
    phrase, after = _solo(trial.prompt, part), _solo(trial.truth.cut(0, PROMPT_BARS), part)
    whole = len(phrase.notes) >= FEWEST_NOTES and len(after.notes) >= FEWEST_NOTES and phrase.by_bar[-1]
    return replace(trial, prompt=phrase, truth=after, later=None) if whole else None


def answer_fit(answer: Passage, phrase: Passage, truth: Passage) -> AnswerFit:
    return AnswerFit(
        in_scale=share_in_scale_of(answer, phrase),
        groove=groove_similarity(answer, phrase),
        register=abs(_mean_pitch(answer) - _mean_pitch(phrase)),
        density=len(answer.notes) / len(phrase.notes),
        empty_bars=float(np.mean([not bar for bar in answer.by_bar])),
        nmsi=compare_passages(answer, truth).nmsi,
    )


def phrases(trials: Iterable[Trial]) -> list[Trial]:
    return [phrase for phrase in map(phrase_of, trials) if phrase is not None]


def _solo(passage: Passage, part: int) -> Passage:
    notes = tuple(replace(note, part=0) for note in passage.notes if note.part == part)
    return replace(passage, notes=notes, programs=(passage.programs[part],))


def _mean_pitch(passage: Passage) -> float:
    return float(np.mean([note.pitch for note in passage.notes])) if passage.notes else float("nan")
