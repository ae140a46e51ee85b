"""What every measurement leaves behind: a table for people, JSON for scripts, and where it was taken.

Knows nothing of what was measured.
"""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from music.errors import TradefoursError
from server.processor import processor_name

ROOT = Path(__file__).resolve().parent.parent

Row = Mapping[str, object]


def write_report(
    bench: str,
    rows: Sequence[Row],
    ratios: Mapping[str, float],
    json_file: Path | None,
    notes: Sequence[str] = (),
    further: Sequence[Row] = (),
) -> None:
    """Print the rows as Markdown, the notes below; write `{bench, commit, cpu, date, rows, ratios}` to `json_file`.

    `further` rows, of other columns, are a table of their own.
    """
    date = datetime.now(UTC).isoformat(timespec="seconds")
    print(f"{bench}, {commit()}, {cpu()}, {date}\n\n{table(rows)}")
    if further:
        print(f"\n{table(further)}")
    if ratios:
        print(f"\n{table([{'ratio': name, 'value': float(value)} for name, value in ratios.items()])}")
    for note in notes:
        print(f"\n{note}")
    if json_file is None:
        return
    found = {
        "bench": bench,
        "commit": commit(),
        "cpu": cpu(),
        "date": date,
        "rows": [*rows, *further],
        "ratios": ratios,
    }
    try:
        json_file.write_text(json.dumps(found, indent=2, allow_nan=False) + "\n")
    except OSError as error:
        raise TradefoursError(f"expected to write {json_file}, got: {error.strerror}") from error


def table(rows: Sequence[Row]) -> str:
    """Markdown. The columns are the first row's keys; numbers are shown finer than any is sure."""
    columns = list(rows[0])
    lines = [columns, ["---"] * len(columns), *([_shown(row[column]) for column in columns] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def commit() -> str:
    """The commit that was measured, with a + where files differ from it; "unknown" outside a checkout."""
    git = ["git", "-C", str(ROOT), "describe", "--always", "--dirty=+", "--exclude=*"]
    try:
        return subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def cpu() -> str:
    """The processor's name, as far as the system tells, and how many of its cores we have."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{cores} x {processor_name()}"


def _shown(value: object) -> str:
    if value is None:
        return "-"
    if not isinstance(value, float):
        return str(value)
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.3g}"
