"""An entry's figures, against the true continuations: piece by piece, and as a set."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields

from model.evaluation.figures import key
from model.evaluation.groove import groove_consistency
from model.evaluation.intervals import Interval, clustered_interval
from model.evaluation.nmsi import Likeness, compare_passages
from model.evaluation.passage import Passage
from model.evaluation.sets import SetReport, compare_sets
from model.evaluation.suite.entries import Entry
from model.evaluation.suite.prompts import KINDS, VERSION, Prompt, PromptSet
from model.evaluation.suite.results import Figure, Files, Results, Speed, figure
from model.evaluation.tonality import pitch_class_entropy, scale_consistency

ALL = "all"
FEWEST_PIECES = 16  # of a set: distances within the half of fewer tell nothing
TONAL: Mapping[str, Callable[[Passage], float]] = {
    "pitch_class_entropy": pitch_class_entropy,
    "scale_consistency": scale_consistency,
    "groove_consistency": groove_consistency,
}


def score(
    name: str, entry: Entry, prompts: Sequence[Prompt], chosen: PromptSet, *, quick: bool, speed: Speed | None
) -> Results:
    everything = list(zip(prompts, entry.passages, strict=True))
    groups = {ALL: everything, **{kind: [row for row in everything if row[0].place.kind == kind] for kind in KINDS}}
    return Results(
        version=VERSION,
        prompts_sha256=chosen.sha256,
        name=name,
        quick=quick,
        prompts={group: len(rows) for group, rows in groups.items()},
        pieces={group: len({prompt.piece for prompt, _ in rows}) for group, rows in groups.items()},
        files=Files(missing=entry.missing, broken=entry.broken, empty=entry.empty, short=entry.short),
        figures={group: _figures(rows) for group, rows in groups.items() if rows},
        speed=speed,
    )


def _figures(rows: Sequence[tuple[Prompt, Passage]]) -> dict[str, Figure]:
    found = {**dict(_by_piece(rows)), **dict(_as_a_set(rows))}
    return {name: figure(each) for name, each in found.items() if not math.isnan(each.value)}


def _by_piece(rows: Sequence[tuple[Prompt, Passage]]) -> Iterator[tuple[str, Interval]]:
    pieces = [prompt.piece for prompt, _ in rows]
    likenesses = [compare_passages(passage, prompt.truth) for prompt, passage in rows]
    for name in ("nmsi", *(field.name for field in fields(Likeness))):
        yield name, clustered_interval([getattr(each, name) for each in likenesses], pieces)
    for name, measure in TONAL.items():
        # Silence has neither pitches nor a scale; its groove would be perfect.
        values = [measure(passage) if passage.notes else math.nan for _, passage in rows]
        yield name, clustered_interval(values, pieces)


def _as_a_set(rows: Sequence[tuple[Prompt, Passage]]) -> Iterator[tuple[str, Interval]]:
    """One prompt of each piece, the first: distances between passages of one piece would count as between pieces."""
    first = {prompt.piece: (prompt, passage) for prompt, passage in reversed(rows)}
    if len(first) < FEWEST_PIECES:
        return
    report: SetReport = compare_sets([p.truth for p, _ in first.values()], [passage for _, passage in first.values()])
    means = report.machine_mean
    yield from (("overlap_area", means.overlap_area), ("kld", means.kld), ("kld_legacy", means.kld_legacy))
    yield "overlap_area_share", report.share
    for measure, closeness in report.machine.items():
        yield f"overlap_area_{key(measure)}", closeness.overlap_area
        yield f"kld_{key(measure)}", closeness.kld
        yield f"kld_legacy_{key(measure)}", closeness.kld_legacy
