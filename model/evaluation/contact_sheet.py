"""Many passages on one page: each prompt and what a machine made of it, as small piano rolls.

The human is a thin blue-grey line, the machine a thick amber one behind a bar line in black, so that the two are
distinct without colour, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.evaluation.passage import Passage
from music.score import DRUMS, Note

HUMAN, MACHINE = "#3b6ea5", "#ff9f1c"
COLUMNS = 2
THIN, THICK = 0.45, 1.0  # semitones
GAP = 12  # ticks
DRUM_FLOOR = 8  # drums are drawn below the lowest pitched note, squeezed by three


@dataclass(frozen=True, slots=True)
class Cell:
    title: str
    human: Passage
    machine: Passage  # begins where the human's ends


def draw_contact_sheet(cells: Sequence[Cell], path: Path, *, title: str) -> None:
    """PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # heavy
    from matplotlib.figure import Figure

    rows = -(-len(cells) // COLUMNS)
    figure = Figure(figsize=(17, 0.6 + 2.3 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    for panel, cell in zip(panels, cells, strict=False):
        _draw(panel, cell)
    for panel in panels[len(cells) :]:
        panel.set_axis_off()
    figure.suptitle(title, fontsize=12)
    figure.savefig(path, dpi=80)


def _draw(panel: Any, cell: Cell) -> None:
    from matplotlib.collections import PolyCollection

    whole, joint = cell.human.then(cell.machine), cell.human.ticks
    floor = min((note.pitch for note in whole.pitched), default=60)
    human = [_box(note, whole, floor, THIN) for note in whole.notes if note.onset < joint]
    machine = [_box(note, whole, floor, THICK) for note in whole.notes if note.onset >= joint]
    panel.add_collection(PolyCollection(human, facecolor=HUMAN, linewidth=0))
    panel.add_collection(PolyCollection(machine, facecolor=MACHINE, edgecolor="black", linewidth=0.3))
    panel.autoscale_view()
    bars = range(whole.bars)
    panel.set_xticks([bar * whole.meter.bar_ticks for bar in bars], [str(bar + 1) for bar in bars], fontsize=6)
    panel.grid(axis="x", color="#dddddd", linewidth=0.5)
    panel.axvline(joint, color="black", linewidth=1.2)
    panel.set_axisbelow(True)
    panel.yaxis.get_major_locator().set_params(integer=True)
    panel.tick_params(axis="y", labelsize=6)
    panel.set_xlim(0, whole.ticks)
    panel.set_title(cell.title, fontsize=8, loc="left")


def _box(note: Note, whole: Passage, floor: int, thickness: float) -> list[tuple[float, float]]:
    """Its corners. A small gap is left before the next note; a drum stroke is short, whatever its length says."""
    is_drum = whole.programs[note.part] == DRUMS
    height = floor - DRUM_FLOOR - (81 - note.pitch) / 3 if is_drum else note.pitch
    end = note.onset + max((min(note.duration, 60) if is_drum else note.duration) - GAP, GAP)
    low, high = height - thickness / 2, height + thickness / 2
    return [(note.onset, low), (end, low), (end, high), (note.onset, high)]
