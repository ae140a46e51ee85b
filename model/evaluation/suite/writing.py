"""How an engine of ours enters: continuations side by side for the figures, one at a time for the speed."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import median
from time import monotonic_ns
from typing import TypeVar

from model.engine.together import Writer, run_together
from model.engine.work import Engine, EngineSequence
from model.evaluation.passage import Passage, trimmed
from model.evaluation.play import AT_ONCE, SAMPLING
from model.evaluation.suite.prompts import KINDS, Prompt
from model.evaluation.suite.results import Speed
from model.generate import continuation
from model.tokens.vocabulary import DURATION
from music.score import Score

S = TypeVar("S", bound=EngineSequence)
TIMED = 8  # prompts of each kind
Progress = Callable[[], object]


def write_continuations(
    engine: Engine[S], prompts: Sequence[Prompt], seed: int, progress: Progress = lambda: None
) -> list[Passage]:
    """A prompt's seed depends on its place in its kind alone, so --quick writes what the whole set would have there."""
    numbered = [(i, p) for kind in KINDS for i, p in enumerate([p for p in prompts if p.place.kind == kind])]
    writers = [_writer(engine, prompt, seed + i) for i, prompt in numbered]
    scores = run_together(engine, writers, at_once=AT_ONCE, progress=progress)
    written = {p.place: _after(score, p) for (_, p), score in zip(numbered, scores, strict=True)}
    return [written[prompt.place] for prompt in prompts]


def measure_speed(engine: Engine[S], prompts: Sequence[Prompt], seed: int, hardware: str) -> Speed:
    """The first prompts of each kind, one after the other; the very first is played once before to warm up."""
    timed = [p for kind in KINDS for p in [p for p in prompts if p.place.kind == kind][:TIMED]]
    _timed(engine, timed[0], seed)
    notes, seconds, firsts = 0, 0.0, list[float]()
    for prompt in timed:
        score, took, first = _timed(engine, prompt, seed)
        notes, seconds = notes + len(_after(score, prompt).notes), seconds + took
        firsts += [1000 * first] if first is not None else []
    return Speed(notes_per_s=round(notes / seconds, 1), first_note_ms=round(median(firsts), 2), hardware=hardware)


def _timed(engine: Engine[S], prompt: Prompt, seed: int) -> tuple[Score, float, float | None]:
    """And the seconds it took, and those to the first note."""
    began, first = monotonic_ns(), None
    writer = _writer(engine, prompt, seed)
    sequence, step = next(writer)
    while True:
        (drawn,) = engine.run([(sequence, step)])
        if first is None and drawn and drawn[-1] in DURATION:
            first = (monotonic_ns() - began) / 1e9
        try:
            sequence, step = writer.send(drawn)
        except StopIteration as end:
            return end.value, (monotonic_ns() - began) / 1e9, first


def _writer(engine: Engine[S], prompt: Prompt, seed: int) -> Writer[S, Score]:
    return continuation(engine, prompt.prompt.score(), bars=prompt.truth.bars, sampling=SAMPLING, seed=seed)


def _after(score: Score, prompt: Prompt) -> Passage:
    start = prompt.prompt.ticks
    notes = trimmed(score.notes, start, start + prompt.truth.ticks)
    return replace(prompt.truth, notes=notes, programs=prompt.prompt.programs)
