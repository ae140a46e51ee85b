"""The study of learning as a page and a picture. Every sentence that depends on figures is made from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.study.paired import Array, Json, more
from benchmarks.study.phrases import doubt, fact_table, for_these, plural, signed
from benchmarks.study.plan import MHA, OURS
from benchmarks.study.quality import GROUP_NAMES
from model.evaluation.intervals import Interval
from model.evaluation.report import table
from model.networks.config import NetworkConfig

CURVES_PNG: Final = "learning.png"
MILLION: Final = 1e6


@dataclass(frozen=True, slots=True)
class Way:
    """One way of sharing, at each look: sums over groups of (seeds, looks, pieces or passages, groups)."""

    name: str
    learned: Array  # (looks,) tokens
    held_out: Array
    first: Array
    second: Array
    tokens: Array  # (pieces, groups)
    passage_tokens: Array  # (passages, groups)

    @property
    def seeds(self) -> int:
        return len(self.held_out)

    @classmethod
    def of(cls, name: str, runs: Sequence[Json]) -> "Way":
        def nats(of: str) -> Array:
            return np.array([[look[of]["nats"] for look in run["looks"]] for run in runs], np.float64)

        if not runs:
            return cls(name, *[np.empty(0)] * 6)
        last = runs[0]["looks"][-1]
        counted = (np.array(last[of]["tokens"], np.float64) for of in ("held out", "second"))
        learned = np.array([point["tokens"] for point in runs[0]["points"]], np.float64)
        return cls(name, learned, nats("held out"), nats("first"), nats("second"), *counted)

    def curve(self) -> Array:
        """Nats a token of held-out pieces at each look."""
        curve: Array = self.held_out.mean(axis=0).sum(axis=(1, 2)) / self.tokens.sum()
        return curve

    def repeating(self, which: Array, group: int) -> Array:
        """Nats a token of one group in the passages, the first or the second time, at each look."""
        curve: Array = which.mean(axis=0)[..., group].sum(axis=1) / self.passage_tokens[:, group].sum()
        return curve


def page(shape: NetworkConfig, tokens: int, seeds: int, ways: Sequence[Way], facts: Mapping[str, str]) -> str:
    """Markdown. All ways have been looked at equally often."""
    complete = min(way.seeds for way in ways)
    pitch = GROUP_NAMES.index("pitch")
    sections = [
        "# How soon does each way of sharing learn?",
        answer(ways, pitch, complete),
        fact_table(facts),
        f"Networks of {shape.layers} layers, width {shape.width}, {shape.heads} heads of {shape.head_size} and a "
        f"context of {shape.context} tokens; {tokens / MILLION:.1f} M training tokens each, the same batches in the "
        f"same order. {complete} of {seeds} starts of each way are complete. Held out are pieces as they stand in "
        "their files, and passages of them, whole bars, that are said twice.",
        f"![curves]({CURVES_PNG})",
        "## Held-out pieces, nats a token",
        _curves(ways),
        f"Against `{MHA}` after the last look, percent more nats (fewer are better), by what is predicted:",
        _against(ways, complete),
        "## A passage that is said twice, nats of a pitch",
        _twice(ways, pitch),
        "The first time it is music that nobody has heard; the second time all of it was heard before, and who finds "
        "the place need not guess.",
        "## What this could not show",
        f"Networks of this size after {tokens / MILLION:.1f} M tokens; the rate falls over the last 60 % of them, so a "
        "point within is not what a run of that length would have reached. Other shapes, other heads and the size of "
        "`small` are another matter.",
    ]
    return "\n\n".join(sections) + "\n"


def answer(ways: Sequence[Way], pitch: int, complete: int) -> str:
    """Who is ahead at the end, since when, and who repeats better."""
    rival = next(way for way in ways if way.name == MHA)
    told = []
    for way in ways:
        if way is rival:
            continue
        apart = _more(way, rival, complete)
        word = "better than" if apart.high < 0 else "worse than" if apart.low > 0 else "not told apart from"
        ahead = way.curve() < rival.curve()
        since = _since(ahead, way.learned)
        again, theirs = (each.repeating(each.second, pitch)[-1] for each in (way, rival))
        told.append(
            f"`{way.name}` ends {signed(apart)} % of nats apart from `{MHA}` ({word} it{for_these(complete)}{since}), "
            f"and says the pitches of a passage's second time at {again:.2f} nats each, where `{MHA}` needs "
            f"{theirs:.2f}"
        )
    sure = f"{plural(range(complete))} of each way ({doubt(complete)}), {len(rival.tokens)} held-out pieces"
    return f"{'; '.join(told)}. How sure: {sure}."


def _since(ahead: "np.ndarray[tuple[int], np.dtype[np.bool_]]", learned: Array) -> str:
    """From which look on it stays ahead."""
    if not ahead[-1]:
        return ""
    behind = np.flatnonzero(~ahead)
    start = behind[-1] + 1 if behind.size else 0
    return f", ahead for good from {learned[start] / MILLION:.1f} M tokens on"


def _more(way: Way, rival: Way, complete: int) -> Interval:
    """Percent more nats than the rival at the last look, paired over seeds and pieces."""
    ours, theirs = (each.held_out[:complete, -1].sum(axis=2) for each in (way, rival))
    return more(ours, theirs, way.tokens.sum(axis=1))


def _curves(ways: Sequence[Way]) -> str:
    learned = ways[0].learned
    last = len(learned) - 1
    shown = [*range(0, last, max(1, len(learned) // 8)), last]
    head = ["", *(f"{learned[i] / MILLION:.2f} M" for i in shown)]
    return table(head, [[f"`{way.name}`", *(f"{way.curve()[i]:.3f}" for i in shown)] for way in ways])


def _against(ways: Sequence[Way], complete: int) -> str:
    rival = next(way for way in ways if way.name == MHA)
    rows = []
    for way in ways:
        if way is rival:
            continue
        by_group = [
            more(way.held_out[:complete, -1, :, g], rival.held_out[:complete, -1, :, g], way.tokens[:, g])
            for g in range(len(GROUP_NAMES))
        ]
        rows.append([f"`{way.name}`", signed(_more(way, rival, complete)), *map(signed, by_group)])
    return table(["", "all", *GROUP_NAMES], rows)


def _twice(ways: Sequence[Way], pitch: int) -> str:
    learned = ways[0].learned
    middle = len(learned) // 2
    rows = []
    for way in ways:
        first, second = way.repeating(way.first, pitch), way.repeating(way.second, pitch)
        rows.append([f"`{way.name}`", *(f"{first[i]:.2f}, {second[i]:.2f}" for i in (middle, -1))])
    head = ["first, second time", *(f"after {learned[i] / MILLION:.2f} M tokens" for i in (middle, -1))]
    return table(head, rows)


def draw_curves(ways: Sequence[Way], pitch: int, path: Path) -> None:
    """PNG: nats a token against tokens learned from; then nats of a pitch the first time and the second."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # heavy
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.4), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    for number, way in enumerate(ways):
        style = {"color": f"C{number}", "linewidth": 2.0 if way.name in OURS else 1.2}
        millions = way.learned / MILLION
        left.plot(millions, way.curve(), marker=".", label=way.name, **style)
        right.plot(millions, way.repeating(way.second, pitch), marker=".", label=f"{way.name}, again", **style)
        right.plot(millions, way.repeating(way.first, pitch), linestyle=":", **style)
    for panel, title in (
        (left, "held-out pieces, nats a token"),
        (right, "a pitch, the first time (dotted) and again, nats"),
    ):
        panel.set_title(title, fontsize=9)
        panel.set_xlabel("M tokens learned from", fontsize=8)
        panel.grid(alpha=0.3)
        panel.legend(loc="upper right", fontsize=7)
    figure.savefig(path, dpi=90)
