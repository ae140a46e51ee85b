"""How a run went: one row for each validation, as JSON, CSV and a picture."""

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True)
class Point:
    """Losses are in nats per token."""

    seconds: float  # of training, validation apart
    steps: int
    tokens: int
    train: float  # mean since the last point
    valid: float
    tokens_per_second: float  # since the last point


def save_curve(points: Sequence[Point], folder: Path) -> None:
    """curve.json, curve.csv and curve.png."""
    rows = [asdict(point) for point in points]
    (folder / "curve.json").write_text(json.dumps(rows, indent=1))
    with (folder / "curve.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Point)])
        writer.writeheader()
        writer.writerows(rows)
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.add_subplot(xlabel="tokens", ylabel="nats per token")
    for name in ("train", "valid"):
        axes.plot([row["tokens"] for row in rows], [row[name] for row in rows], marker=".", label=name)
    axes.grid(alpha=0.3)
    axes.legend(loc="upper right")  # "best" looks for a place, and warns where that takes a slow core long
    figure.savefig(folder / "curve.png", dpi=120)
