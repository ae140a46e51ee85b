"""A score as a picture, or a set and its plan: time to the right, pitch up, a colour per player, bars as lines."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from music.score import Note, Score
from music.time import MeterMap, Tick

COLOURS = ("#1f77b4", "#2ca02c", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf")
NEW_COLOUR = "#ff9f1c"


def draw_piano_roll(score: Score, path: Path, *, new_from: Tick | None = None, title: str = "") -> None:
    """PNG, a panel for each part that plays; notes from `new_from` on are the machine's, in amber."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # heavy, and no part of the bridge's install
    from matplotlib.figure import Figure

    parts = sorted({note.part for note in score.notes}) or [0]
    figure = Figure(figsize=(14, 1.2 + 2.2 * len(parts)), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(parts), 1, squeeze=False, sharex=True)[:, 0]
    bars = bar_lines(score)
    for part, panel in zip(parts, panels, strict=True):
        for note in (note for note in score.notes if note.part == part):
            is_new = new_from is not None and note.onset >= new_from
            colour = NEW_COLOUR if is_new else COLOURS[part % len(COLOURS)]
            panel.broken_barh([(note.onset, note.duration)], (note.pitch - 0.45, 0.9), color=colour, linewidth=0)
        panel.set_xticks(bars, [str(i + 1) for i in range(len(bars))], fontsize=7)
        panel.grid(axis="x", color="#dddddd", linewidth=0.6)
        panel.set_axisbelow(True)
        player = score.parts[part]
        panel.set_ylabel("drums" if player.is_drums else player.name or f"program {player.program}", fontsize=8)
    panels[-1].set_xlabel("bar")
    panels[0].set_title(title, fontsize=10)
    figure.savefig(path, dpi=90)


def bar_lines(score: Score) -> list[Tick]:
    meters = MeterMap(score.meters)
    bar, lines = meters.bar_at(Tick(0)), []
    while bar.tick < score.end:
        lines.append(bar.tick)
        bar = meters.next_bar(bar)
    return lines


@dataclass(frozen=True, slots=True)
class Moment:
    """A set as it was in the end, and its plan at one moment of it."""

    at: Tick
    sounded: tuple[Note, ...]  # the machine's, in the end
    heard: tuple[Note, ...]  # the humans', until then
    committed: tuple[Note, ...]  # the machine's, those that have sounded, too
    tentative: tuple[Note, ...]


def draw_moment(score: Score, moment: Moment, path: Path, *, end: int, title: str = "") -> None:
    """PNG of two panels: the whole set, and what was known at the moment. `score`: the humans' notes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 6), layout="constrained")
    FigureCanvasAgg(figure)
    whole, plan = figure.subplots(2, 1, sharex=True, sharey=True)
    for panel, human in ((whole, score.notes), (plan, moment.heard)):
        _bars(panel, human, color=COLOURS[0], label="human")
        panel.set_ylabel("pitch", fontsize=8)
        panel.grid(axis="x", color="#dddddd", linewidth=0.6)
        panel.set_axisbelow(True)
    _bars(whole, moment.sounded, color=NEW_COLOUR, label="machine")
    _bars(plan, moment.committed, color=NEW_COLOUR, label="machine: sounded, or committed")
    _bars(plan, moment.tentative, facecolor="none", edgecolor=NEW_COLOUR, linewidth=1.2, label="machine: tentative")
    plan.axvline(moment.at, color="black", linewidth=1, label="now")
    bars = range(0, end, MeterMap(score.meters).bar_at(Tick(0)).meter.bar_ticks)
    plan.set_xticks(bars, [str(i + 1) for i in range(len(bars))], fontsize=7)
    plan.set_xlim(0, end)
    plan.set_xlabel("bar")
    whole.set_title(title, fontsize=10)
    for panel in (whole, plan):
        panel.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=7)
    figure.savefig(path, dpi=90)


def _bars(panel: Any, notes: Iterable[Note], *, label: str, **look: object) -> None:
    for i, note in enumerate(notes):
        shown = {"label": label} if i == 0 else {}
        panel.broken_barh([(note.onset, note.duration)], (note.pitch - 0.45, 0.9), **{"linewidth": 0, **look, **shown})
