"""What an engine plays in a trial: continuations, accompaniments, answers. The only file here that asks an engine.

All of a kind are written side by side, so that they share its passes. Sampling is what players get.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from model.accompany import accompaniment
from model.engine.together import Writer, run_together
from model.engine.work import Engine, EngineSequence, Sampling
from model.evaluation.accompaniment import as_passage, split_melody
from model.evaluation.passage import Passage
from model.evaluation.trials import Trial
from model.generate import Shape, continuation, plain
from model.tokens.codec import Encoder, header_of, read_state, step_of
from music.score import Note, Score
from music.time import MeterMap, Tick

S = TypeVar("S", bound=EngineSequence)
SAMPLING = Sampling(temperature=0.95, top_p=0.97, min_p=0.02)  # the defaults of `tradefours run`
AT_ONCE = 15  # an accompaniment holds two sequences for a moment
Progress = Callable[[], object]
Shaping = Callable[[Score, Sequence[Note]], Shape]  # of the prompt, whose last part is the melody's, and the melody


def play_continuations(engine: Engine[S], trials: Sequence[Trial], seed: int, progress: Progress) -> list[Passage]:
    """In the place of each trial's truth."""
    writers = [
        continuation(engine, trial.prompt.score(), bars=trial.truth.bars, sampling=SAMPLING, seed=seed + i)
        for i, trial in enumerate(trials)
    ]
    scores = run_together(engine, writers, at_once=AT_ONCE, progress=progress)
    return [after_prompt(score, trial) for score, trial in zip(scores, trials, strict=True)]


def play_answers(engine: Engine[S], trials: Sequence[Trial], seed: int, progress: Progress) -> list[Passage]:
    """Each prompt is one player's phrase; a second player of the same instrument answers, while the first is silent."""
    writers = [
        continuation(
            engine, two_players(trial.prompt), bars=trial.truth.bars, sampling=SAMPLING, seed=seed + i, parts=2
        )
        for i, trial in enumerate(trials)
    ]
    scores = run_together(engine, writers, at_once=AT_ONCE, progress=progress)
    return [
        replace(after_prompt(score, trial), programs=trial.truth.programs * 2)
        for score, trial in zip(scores, trials, strict=True)
    ]


def play_accompaniments(
    engine: Engine[S], trials: Sequence[Trial], seed: int, progress: Progress, shaping: Shaping | None = None
) -> list[Passage]:
    """Each trial's melody is its last part. The prompt is everybody's; then only the melody is given."""
    writers = [_accompany(engine, trial, seed + i, shaping) for i, trial in enumerate(trials)]
    notes = run_together(engine, writers, at_once=AT_ONCE, progress=progress)
    return [as_passage(each, trial) for each, trial in zip(notes, trials, strict=True)]


def _accompany(engine: Engine[S], trial: Trial, seed: int, shaping: Shaping | None) -> Writer[S, list[Note]]:
    melody, _ = split_melody(trial.truth)
    given = [replace(note, onset=Tick(note.onset + trial.prompt.ticks)) for note in melody.notes]
    opening, meter = prompt_tokens(trial.prompt), trial.prompt.meter
    shape = plain(SAMPLING) if shaping is None else shaping(trial.prompt.score(), given)
    return accompaniment(engine, opening, given, bars=trial.truth.bars, meter=meter, shape=shape, seed=seed)


def prompt_tokens(prompt: Passage) -> list[int]:
    """Header and bars, the one after the prompt begun."""
    score = prompt.score()
    tokens = header_of(score).tokens()
    encoder = Encoder(MeterMap(score.meters), read_state(tokens))
    for note in prompt.notes:
        tokens += encoder.note(note)
    return tokens + encoder.seek(step_of(prompt.ticks))


def two_players(phrase: Passage) -> Score:
    score = phrase.score()
    return replace(score, parts=score.parts * 2)


def after_prompt(score: Score, trial: Trial) -> Passage:
    return as_passage([note for note in score.notes if note.onset >= trial.prompt.ticks], trial)
