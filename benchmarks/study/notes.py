"""How many notes a second each way writes, side by side: in torch, since `pooled` has no other engine.

One thread, one sequence, random weights; by the thread's own time, as torch takes so long to a step that on an unquiet
machine others fall into it. What is timed is a chord of two notes, drawn token by token as a session draws it: that is
what an engine must do whose player may fall in after every token.
"""

from dataclasses import replace
from time import thread_time_ns
from typing import Final

from benchmarks.engines import TORCH, fill, live_draws, music, network
from benchmarks.rounds import Slice, interleave
from benchmarks.study.paired import Json
from benchmarks.study.plan import MHA, POOLED, Match, StudyPlan, shaped
from benchmarks.study.pooled import wired
from model.engine.work import Step
from model.networks.config import NetworkConfig
from model.tokens.vocabulary import POSITION

NOTES: Final = 2
CHORD: Final = 1 + 4 * NOTES  # tokens: a position, then what each note says
LONGEST: Final = 2048  # torch would read a longer past for minutes


def note_rows(name: str, shape: NetworkConfig, plan: StudyPlan) -> list[Json]:
    """A row for each way, at each context that is not too long."""
    rows = []
    for context in [context for context in plan.contexts if context <= LONGEST]:
        configs = {way: replace(shaped(shape, way, Match.WIDTH), context=context + 2 * CHORD) for way in plan.ways}
        slices = {way: chord(way, config, context) for way, config in configs.items()}
        timed = interleave(slices, plan.speed_s)
        rows += [
            {
                "shape": name,
                "context": context,
                "way": way,
                "notes_per_s": round(1000 * NOTES / timed[way].median, 1),
                "times_as_fast": round(timed[way].times_as_fast_as(timed[MHA]), 3),
                "rounds": len(timed[way].rounds),
                "bytes_per_note": bytes_per_note(way, config),
            }
            for way, config in configs.items()
        ]
    return rows


def chord(way: str, config: NetworkConfig, context: int) -> Slice:
    """The first chord that begins after so many tokens, always from there: the milliseconds of the whole of it."""
    tokens = music(config.context)
    at = next(i for i in range(context, len(tokens)) if tokens[i] in POSITION)
    draws = live_draws(tokens)
    engine = TORCH.make(wired(way, network(config)), 1)
    sequence = engine.open(0)
    fill(engine, sequence, tokens[: at - 1])
    steps = [Step(keep=i, append=(tokens[i],), draw=draws[i]) for i in range(at - 1, at - 1 + CHORD)]

    def write() -> list[float]:
        began = thread_time_ns()
        for step in steps:
            engine.run([(sequence, step)])
        return [(thread_time_ns() - began) / 1e6]

    return write


def bytes_per_note(way: str, config: NetworkConfig) -> int:
    """Of the cache, for each note of the chord: `pooled` holds one word where the others hold tokens, and less of it
    in its last layer, whose tokens it needs no longer when their note is written."""
    per_layer = int(2 * config.kv_heads * config.head_size * TORCH.kv_bytes)
    if way == POOLED:
        return per_layer * (config.layers - 1)
    return per_layer * config.layers * CHORD // NOTES
