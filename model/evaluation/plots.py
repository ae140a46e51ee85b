"""The main figures in one picture: NLL by attribute, NMSI with its references, Overlap Area by measure."""

from pathlib import Path
from typing import Any

from model.evaluation.evaluate import Evaluation
from model.evaluation.intervals import Interval
from model.evaluation.prediction import FIVE_GRAM, NETWORK
from model.evaluation.sets import SetReport

MACHINE, HUMAN = "#ff9f1c", "#3b6ea5"


def draw_figures(evaluation: Evaluation, path: Path, *, title: str) -> None:
    """PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # heavy
    from matplotlib.figure import Figure

    figure = Figure(figsize=(14, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    prediction, likeness, overlap = figure.subplots(1, 3, width_ratios=(2, 2, 3))
    _prediction(prediction, evaluation)
    _likeness(likeness, evaluation)
    if evaluation.sets is None:
        overlap.set_axis_off()
    else:
        _overlap(overlap, evaluation.sets)
    figure.suptitle(title, fontsize=11)
    figure.savefig(path, dpi=90)


def _prediction(panel: Any, evaluation: Evaluation) -> None:
    split, players = next(iter(evaluation.prediction.items()))
    for offset, who, colour, hatch in ((-0.2, NETWORK, MACHINE, ""), (0.2, FIVE_GRAM, "#bbbbbb", "///")):
        values = players[who].by_attribute
        places = [i + offset for i in range(len(values))]
        panel.bar(places, list(values.values()), 0.38, color=colour, hatch=hatch, label=who)
        panel.set_xticks(range(len(values)), list(values), fontsize=8)
    panel.set_title(f"nats per token, {split}", fontsize=9)
    panel.legend(fontsize=8)


def _likeness(panel: Any, evaluation: Evaluation) -> None:
    for row, (who, report) in enumerate(evaluation.likeness.items()):
        _range(panel, row, report.figures["nmsi"], MACHINE if who == "machine" else HUMAN)
    panel.set_yticks(range(len(evaluation.likeness)), list(evaluation.likeness), fontsize=8)
    panel.invert_yaxis()
    panel.set_title("NMSI against the true continuation, 95 %", fontsize=9)


def _overlap(panel: Any, sets: SetReport) -> None:
    for row, name in enumerate(sets.machine):
        _range(panel, row + 0.15, sets.human[name].overlap_area, HUMAN, marker="s")
        _range(panel, row - 0.15, sets.machine[name].overlap_area, MACHINE)
    panel.set_yticks(range(len(sets.machine)), list(sets.machine), fontsize=8)
    panel.invert_yaxis()
    panel.set_title("Overlap Area: machine (circles) and human (squares) among humans, 95 %", fontsize=9)


def _range(panel: Any, row: float, interval: Interval, colour: str, *, marker: str = "o") -> None:
    panel.plot([interval.low, interval.high], [row, row], color=colour, linewidth=2)
    panel.plot([interval.value], [row], marker=marker, color=colour, markeredgecolor="black", markersize=5)
