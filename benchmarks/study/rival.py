"""The page's section on embedding pooling, the paper's other rival."""

from collections.abc import Sequence

from benchmarks.study.claims import nats_verdict
from benchmarks.study.compare import Standing
from benchmarks.study.paired import Json
from benchmarks.study.phrases import signed
from benchmarks.study.plan import MHA, POOLED, Match
from model.evaluation.report import table


def rival(rows: Sequence[Standing], speed: Json) -> list[str]:
    """Nothing if it is not in the study."""
    notes = speed["notes"]
    ways = list(dict.fromkeys(row["way"] for row in notes["rows"]))
    if POOLED not in ways:
        return []
    places = dict.fromkeys((row["shape"], row["context"]) for row in notes["rows"])
    at = {(row["shape"], row["context"], row["way"]): row for row in notes["rows"]}
    body = [[f"`{shape}`, {context:,}", *(_cell(at[shape, context, way]) for way in ways)] for shape, context in places]
    bytes_of = [
        [f"`{shape}`, cache, bytes a note", *(f"{at[shape, context, way]['bytes_per_note']:,}" for way in ways)]
        for shape, context in {shape: context for shape, context in places}.items()
    ]
    return [
        "## Embedding pooling",
        "`pooled` takes one step for each note: the embeddings of what a note says are added up, all layers but the "
        "last see these sums, and the last one writes the next note attribute by attribute, from what they say and "
        "from the attributes before. A new position belongs to its note; bars, changes of meter and each player's "
        "program are steps of their own. Each attribute is predicted from the same past as elsewhere, so the nats "
        "compare; depth, width and parameters are those of `mha`. "
        f"{_finding(rows, notes['rows'])} No engine but torch plays it, so here all are timed in torch, float32, one "
        "thread, one player, random weights, by the processor's time; a chord of two notes is drawn token by token, as "
        "a session does. "
        f"{' '.join(notes['company'])}",
        table(["notes a second (times `mha`)", *ways], [*body, *bytes_of]),
    ]


def _cell(row: Json) -> str:
    return f"{row['notes_per_s']:.0f} ({row['times_as_fast']:.2f})"


def _finding(rows: Sequence[Standing], notes: Sequence[Json]) -> str:
    row = next((row for row in rows if (row.match, row.way) == (Match.WIDTH, POOLED)), None)
    times = [each["times_as_fast"] for each in notes if each["way"] == POOLED]
    speed = f"It writes {min(times):.1f} to {max(times):.1f} times as many notes a second as `{MHA}`"
    if row is None:
        return f"{speed}; no run of it is complete yet."
    return (
        f"{speed}, changes nats a token by {signed(row.more_nats)} % ({nats_verdict(row)}) and NMSI, played by torch "
        f"and not by the int8 engine, by {signed(row.more_nmsi)} %."
    )
