"""One long piece beside a human's of the same length: what is played, how much of it, and what comes again."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from model.evaluation.nmsi import self_similarity
from model.evaluation.passage import Passage
from model.evaluation.performances import longest_repeat, pitches_of
from model.evaluation.rolls import COLOURS, draw_roll

SPAN_S: Final = 2.0  # of what is compared, and of what is counted


def draw_long_pieces(pieces: Mapping[str, Passage], path: Path, *, title: str) -> None:
    """PNG. A column for each player, as `COLOURS` knows them: roll, density, self-similarity of the harmony."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # heavy
    from matplotlib.figure import Figure

    figure = Figure(figsize=(16, 13), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(3, len(pieces), squeeze=False, height_ratios=(2, 1, 6))
    for (who, passage), (roll, density, likeness) in zip(pieces.items(), panels.T, strict=True):
        draw_roll(roll, passage, COLOURS[who])
        again = longest_repeat(pitches_of(passage))
        roll.set_title(f"{who}: {len(passage.notes)} notes, at most {again} in a row played twice", fontsize=10)
        _draw_density(density, passage, COLOURS[who])
        _draw_likeness(likeness, passage)
    for row, name in zip(panels, ("key", "notes a second", "seconds"), strict=True):
        row[0].set_ylabel(name, fontsize=8)
    figure.suptitle(title, fontsize=11)
    figure.savefig(path, dpi=80)


def densities(passage: Passage) -> list[float]:
    """Notes a second in each span."""
    seconds = [passage.seconds(note.onset) for note in passage.notes]
    spans = max(1, round(passage.seconds(passage.ticks) / SPAN_S))
    counts, _ = np.histogram(seconds, bins=spans, range=(0, spans * SPAN_S))
    return [count / SPAN_S for count in counts]


def _draw_density(panel: Any, passage: Passage, colour: str) -> None:
    values = densities(passage)
    panel.fill_between(np.arange(len(values)) * SPAN_S, values, step="post", color=colour, alpha=0.7)
    panel.set_xlim(0, passage.seconds(passage.ticks))
    panel.tick_params(labelsize=7)


def _draw_likeness(panel: Any, passage: Passage) -> None:
    ends = passage.seconds(passage.ticks)
    alike = self_similarity(passage, round(SPAN_S / passage.seconds(1)))
    panel.imshow(alike, origin="lower", extent=(0, ends, 0, ends), vmin=0, vmax=1, cmap="magma")
    panel.set_xlabel("seconds; light where the harmony is alike", fontsize=8)
    panel.tick_params(labelsize=7)
