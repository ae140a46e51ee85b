"""A score as a picture: time to the right, pitch up, a colour per player, bars as lines."""

from pathlib import Path

from music.score import Score
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
