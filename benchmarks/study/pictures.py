"""The study in two pictures: quality against speed, and what heads look at."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from benchmarks.study.compare import Standing
from benchmarks.study.paired import Array, Json
from benchmarks.study.plan import MHA, OURS
from benchmarks.study.quality import GROUP_NAMES
from model.evaluation.heads import specialisation
from model.networks.config import GROUPS

OURS_COLOUR, CONTROL_COLOUR = "#ff9f1c", "#3b6ea5"


def draw_quality(rows: Sequence[Standing], speed: Sequence[Json], path: Path) -> None:
    """PNG: nats a token against speed, a panel for each context. Up is better, right is faster."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # heavy
    from matplotlib.figure import Figure

    contexts = sorted({each["context"] for each in speed})
    figure = Figure(figsize=(4.6 * len(contexts), 4), layout="constrained")
    FigureCanvasAgg(figure)
    for panel, context in zip(np.atleast_1d(figure.subplots(1, len(contexts), sharey=True)), contexts, strict=True):
        faster = {each["way"]: each["times_as_fast"] for each in speed if each["context"] == context}
        for row in [row for row in rows if row.way in faster]:
            better = [-row.more_nats.low, -row.more_nats.value, -row.more_nats.high]
            marker, colour = ("o", OURS_COLOUR) if row.way in OURS else ("s", CONTROL_COLOUR)
            panel.plot([faster[row.way]] * 2, [better[0], better[2]], color=colour)
            panel.plot([faster[row.way]], [better[1]], marker, color=colour, markeredgecolor="black")
            panel.annotate(row.way, (faster[row.way], better[1]), xytext=(6, 4), textcoords="offset points", fontsize=8)
        panel.axhline(0, color="#bbbbbb", linewidth=0.8)
        panel.margins(x=0.25)
        panel.set_title(f"context {context:,}", fontsize=9)
        panel.set_xlabel("times as fast as mha, `small`, one player", fontsize=8)
    figure.axes[0].set_ylabel("nats a token less than mha, %", fontsize=8)
    figure.savefig(path, dpi=90)


def draw_heads(found: Mapping[str, Mapping[str, Array]], path: Path) -> None:
    """PNG, of the first seed: a row for each way: what the heads of each layer look at, then what is lost without."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # heavy
    from matplotlib.figure import Figure

    layers = found[MHA]["mass"].shape[1]
    figure = Figure(figsize=(2.4 * (layers + 1), 2.6 * len(found)), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(found), layers + 1, squeeze=False)
    for row, (way, each) in zip(panels, found.items(), strict=True):
        bits = specialisation(torch.from_numpy(each["mass"][0])).tolist()
        pictures = [*by_query_group(each["mass"][0]), each["lost"][0]]
        titles = [f"{way}, layer {i}: {bit:.2f} bits" for i, bit in enumerate(bits, 1)]
        for panel, values, title in zip(row, pictures, [*titles, f"{way}, switched off: nats more"], strict=True):
            darkest = max(1.0, float(values.max()))
            panel.imshow(values, cmap="Blues", vmin=0, vmax=darkest)
            for (y, x), value in np.ndenumerate(values):
                colour = "white" if value > 0.6 * darkest else "black"
                panel.text(x, y, f"{value:.2f}", ha="center", va="center", fontsize=7, color=colour)
            panel.set_title(title, fontsize=7)
            panel.set_xticks(range(GROUPS), GROUP_NAMES, fontsize=6)
            panel.set_yticks(range(GROUPS), names_of_heads(way), fontsize=6)
    figure.savefig(path, dpi=90)


def by_query_group(mass: Array) -> Array:
    """(layers, heads, groups) -> (layers, groups of heads, groups)."""
    quarters: Array = mass.reshape(mass.shape[0], GROUPS, -1, GROUPS).mean(axis=2)
    return quarters


def names_of_heads(way: str) -> list[str]:
    """In `mha` a quarter of the heads is nobody's."""
    return [f"quarter {i}" for i in range(1, GROUPS + 1)] if way == MHA else [f"{name}'s" for name in GROUP_NAMES]
