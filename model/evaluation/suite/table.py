"""Results side by side, as Markdown. Only what was scored on the same prompts stands in one table."""

from collections.abc import Sequence

from model.evaluation.intervals import Interval
from model.evaluation.report import table
from model.evaluation.suite.results import Results
from model.evaluation.suite.scoring import ALL
from music.errors import TradefoursError

COLUMNS = {
    "NMSI": "nmsi",
    "chroma": "chroma",
    "groove": "groove",
    "structure": "structure",
    "density": "density",
    "Overlap Area": "overlap_area",
    "KLD": "kld",
    "pitch class entropy": "pitch_class_entropy",
    "scale consistency": "scale_consistency",
    "groove consistency": "groove_consistency",
}
WITH_INTERVALS = ("nmsi", "overlap_area")  # a table of all is too wide to read; the results have them
TITLES = {ALL: "All", "multi": "Multi-track", "piano": "Solo piano"}


def markdown(results: Sequence[Results]) -> str:
    _check(results)
    ranked = sorted(results, key=lambda each: -each.figures[ALL]["nmsi"].value)
    first = ranked[0]
    share = "its first prompts alone (`--quick`)" if first.quick else "all of it"
    about = (
        f"Prompt set {first.version}, SHA-256 {first.prompts_sha256[:16]}, {share}. Higher NMSI and Overlap Area and "
        "lower KLD are nearer to the true continuations; the three on the right are best where they are the truth's. "
        "Brackets hold 95 % bootstrap intervals over pieces."
    )
    groups = [group for group in TITLES if first.prompts[group]]
    sections = [text for group in groups for text in (_title(first, group), _figures(ranked, group))]
    return "\n\n".join([about, *sections, "## Files and speed", _files(ranked)]) + "\n"


def _title(first: Results, group: str) -> str:
    return f"## {TITLES[group]}: {first.prompts[group]} prompts of {first.pieces[group]} pieces"


def _figures(results: Sequence[Results], group: str) -> str:
    rows = [[each.name, *(_shown(each, group, name) for name in COLUMNS.values())] for each in results]
    return table(["entry", *COLUMNS], rows)


def _shown(results: Results, group: str, name: str) -> str:
    found = results.figures[group].get(name)
    if found is None:
        return "none"
    text = str(Interval(found.value, found.low, found.high))
    return text if name in WITH_INTERVALS else text.partition(" (")[0]


def _files(results: Sequence[Results]) -> str:
    head = ["entry", "missing", "broken", "empty", "short", "notes/s", "first note, ms", "hardware"]
    rows = []
    for each in results:
        files, speed = each.files, each.speed
        counts = [str(len(some)) for some in (files.missing, files.broken, files.empty, files.short)]
        told = [f"{speed.notes_per_s:.0f}", f"{speed.first_note_ms:.1f}", speed.hardware] if speed else ["-", "-", "-"]
        rows.append([each.name, *counts, *told])
    return table(head, rows)


def _check(results: Sequence[Results]) -> None:
    if not results:
        raise TradefoursError("expected results of one entry at least, got none")
    sets = {(each.version, each.prompts_sha256[:16], each.quick) for each in results}
    if len(sets) > 1:
        raise TradefoursError(f"expected results on the same prompts, got {len(sets)} sets: {sorted(sets)}")
    names = [each.name for each in results]
    if len(set(names)) < len(names):
        raise TradefoursError(f"expected a name for each entry, got several called {max(names, key=names.count)}")
