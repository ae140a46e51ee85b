"""How fast an engine writes, as live play asks it to: one token at a time, behind a context of music."""

from collections.abc import Sequence
from time import perf_counter_ns
from typing import Any, Final

from model.engine.work import Draw, Engine, Step
from model.tokens.codec import encode_score, read_state
from model.tokens.grammar import allowed, checked_advance
from model.tokens.performance import SIZE, encode_performance
from music.score import Note, Part, Score
from music.time import TICKS_PER_QUARTER, Tick

LIVE_TOKENS_PER_SECOND: Final = 150  # a lively part, about 30 notes a second of looking ahead
CONTEXT: Final = 512
MEASURED_STEPS: Final = 64
EIGHTH: Final = TICKS_PER_QUARTER // 2
SCALE: Final = tuple(Note(Tick(i * EIGHTH), 0, 60 + i % 12, 80, EIGHTH) for i in range(CONTEXT))


def decode_ms(engine: Engine[Any]) -> float:
    """Median milliseconds of a decode step near 512 tokens of context."""
    tokens = encode_score(Score((Part(),), SCALE))
    context = min(CONTEXT, engine.capacity - 1) - MEASURED_STEPS
    state, draws = read_state(tokens[:context]), list[Draw]()
    for token in tokens[context : context + MEASURED_STEPS]:
        state = checked_advance(state, token)
        draws.append(Draw(allowed=allowed(state)))
    return _step_ms(engine, tokens, draws)


def solo_ms(engine: Engine[Any]) -> float:
    """The same of a network for solo piano."""
    return _step_ms(engine, encode_performance(SCALE), [Draw(allowed=((0, SIZE),))] * MEASURED_STEPS)


def _step_ms(engine: Engine[Any], tokens: Sequence[int], draws: Sequence[Draw]) -> float:
    context, times = min(CONTEXT, engine.capacity - 1) - MEASURED_STEPS, list[int]()
    sequence = engine.open(seed=0)
    engine.run([(sequence, Step(keep=0, append=tuple(tokens[:context])))])
    for at, draw in enumerate(draws, start=context):
        step = Step(keep=at, append=(tokens[at],), draw=draw)
        began = perf_counter_ns()
        engine.run([(sequence, step)])
        times.append(perf_counter_ns() - began)
    sequence.close()
    return sorted(times)[len(times) // 2] / 1e6
