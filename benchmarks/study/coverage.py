"""How often each token of a piece is asked for, by where crops may end: what effective segmentation is about."""

from pathlib import Path
from typing import Final

import numpy as np

from model.training.segments import Segmentation, Sizes, coverage

CONTEXTS: Final = 3  # that the piece is long
SHOWN: Final = (Segmentation.FULL, Segmentation.EFFECTIVE, Segmentation.EVEN)


def draw_coverage(sizes: Sizes, path: Path) -> None:
    """PNG. Both axes are logarithmic: what matters are the first tokens."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # heavy
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    panel = figure.subplots()
    places = np.arange(1, CONTEXTS * sizes.context + 1)
    for how in SHOWN:
        asked = coverage(how, len(places), sizes)
        panel.plot(places, np.where(asked > 0, asked / asked.mean(), np.nan), label=how.value)
    panel.set(xscale="log", yscale="log", xlabel="token of the piece; a line begins where it is first asked for")
    panel.set_ylabel("asked for, times the mean")
    panel.axvline(sizes.context, color="#bbbbbb", linewidth=0.8)
    panel.legend(fontsize=8)
    figure.savefig(path, dpi=90)
