"""The study in one picture: what merging does to NMSI and to nats a note, by the size of the vocabulary."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.study.merging.compare import Standing
from benchmarks.study.merging.music import Music
from benchmarks.study.merging.plan import PLAIN
from benchmarks.study.merging.report import CLAIMED_LOSS, CLAIMED_MERGES
from benchmarks.study.merging.words import Scope

COLOURS: Final = {Scope.EVERYTHING: "#ff9f1c", Scope.ONSET: "#3b6ea5", Scope.NOTE: "#5a9367"}


def draw(rows: Sequence[Standing], path: Path) -> None:
    """PNG: a row of panels for each measure, a panel for each kind of music; 95 % intervals."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # heavy
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 6), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(2, len(Music), sharex=True, sharey="row")
    for column, music in enumerate(Music):
        here = [row for row in rows if row.music is music and row.way != PLAIN]
        for panel, measure in zip(panels[:, column], ("more_nmsi", "more_nats"), strict=True):
            panel.axhline(0, color="#bbbbbb", linewidth=0.8)
            for scope, colour in COLOURS.items():
                line = sorted((row for row in here if row.way.scope is scope), key=lambda row: row.way.merges)
                points = [(row.way.merges, getattr(row, measure)) for row in line]
                panel.plot([x for x, _ in points], [y.value for _, y in points], "o-", color=colour, label=scope)
                for x, y in points:
                    panel.plot([x, x], [y.low, y.high], color=colour)
            panel.set_xscale("log")
        panels[0, column].set_title(music, fontsize=10)
        panels[1, column].set_xlabel("merges", fontsize=8)
    panels[0, -1].plot([CLAIMED_MERGES], [-CLAIMED_LOSS], "kx", label="SAGE-Music")
    panels[0, -1].legend(fontsize=7)
    panels[0, 0].set_ylabel("NMSI more than without merges, %", fontsize=8)
    panels[1, 0].set_ylabel("nats a note more, %", fontsize=8)
    figure.savefig(path, dpi=90)
