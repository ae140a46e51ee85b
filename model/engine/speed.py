"""How fast an engine writes, as live play asks it to: one token at a time, behind a context of music."""

from time import perf_counter_ns
from typing import Any, Final

from model.engine.work import Draw, Engine, Step
from model.tokens.codec import encode_score, read_state
from model.tokens.grammar import allowed, checked_advance
from music.score import Note, Part, Score
from music.time import TICKS_PER_QUARTER, Tick

LIVE_TOKENS_PER_SECOND: Final = 150  # a lively part, about 30 notes a second of looking ahead
CONTEXT: Final = 512
MEASURED_STEPS: Final = 64
EIGHTH: Final = TICKS_PER_QUARTER // 2


def decode_ms(engine: Engine[Any]) -> float:
    """Median milliseconds of a decode step near 512 tokens of context."""
    scale = tuple(Note(Tick(i * EIGHTH), 0, 60 + i % 12, 80, EIGHTH) for i in range(CONTEXT))
    tokens = encode_score(Score((Part(),), scale))
    context = min(CONTEXT, engine.capacity - 1) - MEASURED_STEPS
    sequence = engine.open(seed=0)
    engine.run([(sequence, Step(keep=0, append=tuple(tokens[:context])))])
    state, times = read_state(tokens[:context]), []
    for at, token in enumerate(tokens[context : context + MEASURED_STEPS], start=context):
        state = checked_advance(state, token)
        step = Step(keep=at, append=(token,), draw=Draw(allowed=allowed(state)))
        began = perf_counter_ns()
        engine.run([(sequence, step)])
        times.append(perf_counter_ns() - began)
    sequence.close()
    return sorted(times)[MEASURED_STEPS // 2] / 1e6
