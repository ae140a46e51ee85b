"""How a study's page says figures, and where they are from."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from benchmarks.report import commit, cpu
from benchmarks.study.paired import Json
from benchmarks.study.training import ABOUT
from model.evaluation.intervals import Interval

FEWEST_SEEDS: Final = 3  # two networks that began by the same chance may agree by chance


def plural(seeds: Sequence[int]) -> str:
    return f"{len(seeds)} seed{'s' * (len(seeds) > 1)}"


def for_these(seeds: int) -> str:
    """Behind a verdict."""
    return " for these seeds" if seeds < FEWEST_SEEDS else ""


def doubt(seeds: int) -> str:
    """How sure so many seeds make it."""
    return "too few to see the chance of a start" if seeds < FEWEST_SEEDS else "paired"


def signed(interval: Interval) -> str:
    return f"{interval.value:+.2f} ({interval.low:+.2f} to {interval.high:+.2f})"


def origin(found: Sequence[Json], places: Sequence[Path]) -> dict[str, str]:
    """Of the figures of these runs, which lie in these folders."""
    wall = [json.loads((place / ABOUT).read_text())["wall_s"] for place in places]
    return {
        "commit": ", ".join(sorted({commit(), *(each["commit"] for each in found)})),
        "hardware": cpu(),
        "training": f"{len(wall)} runs, {sum(wall) / 3600:.1f} hours in all, one thread each",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def fact_table(facts: Mapping[str, str]) -> str:
    return "| | |\n|---|---|\n" + "\n".join(f"| {name} | {value} |" for name, value in facts.items())
