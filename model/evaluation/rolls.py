"""Long performances as piano rolls, one below the other, on one scale of time."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from model.evaluation.passage import Passage

COLOURS = {"machine": "#ff9f1c", "human": "#3b6ea5"}
KEYS = 21, 108  # of a piano


def draw_rolls(players: Mapping[str, Sequence[Passage]], path: Path, *, title: str) -> None:
    """PNG. By player, as `COLOURS` knows them."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # heavy
    from matplotlib.figure import Figure

    rows = [(who, passage) for who, passages in players.items() for passage in passages]
    figure = Figure(figsize=(16, 0.6 + 1.8 * len(rows)), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(rows), 1, squeeze=False, sharex=True).ravel()
    for panel, (who, passage) in zip(panels, rows, strict=True):
        draw_roll(panel, passage, COLOURS[who])
        panel.set_ylabel(who, fontsize=8)
    panels[-1].set_xlabel("seconds", fontsize=8)
    figure.suptitle(title, fontsize=11)
    figure.savefig(path, dpi=80)


def draw_roll(panel: Any, passage: Passage, colour: str) -> None:
    """On an axis of matplotlib's."""
    from matplotlib.collections import LineCollection

    second = 1 / passage.seconds(1)
    lines = [((note.onset / second, note.pitch), (note.end / second, note.pitch)) for note in passage.notes]
    loudness = [(note.velocity + 30) / 157 for note in passage.notes]
    panel.add_collection(LineCollection(lines, colors=colour, linewidths=1.6, alpha=loudness))
    panel.set_xlim(0, passage.seconds(passage.ticks))
    panel.set_ylim(*KEYS)
    panel.grid(color="#dddddd", linewidth=0.5)
    panel.tick_params(labelsize=7)
