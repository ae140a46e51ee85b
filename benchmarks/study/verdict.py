"""Which way the next weights should share: a rule, what it finds in the tables, and whether what is shipped agrees."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from benchmarks.study.compare import Standing, standings
from benchmarks.study.paired import Json
from benchmarks.study.phrases import signed
from benchmarks.study.plan import Match, Run
from model.checkpoint import INDEX
from model.evaluation.intervals import Interval
from model.evaluation.report import table
from model.evaluation.trials import choose_trials
from model.networks.config import Sharing
from model.registry import WEIGHTS, load
from model.training.corpus import Corpus
from model.training.trainer import OWN_STEP
from music.time import TICKS_PER_QUARTER

SHIPPED: Final = "small"
HEADROOM: Final = 3.0  # times live play: of three notes planned two are given up for what the human does meanwhile
DENSEST: Final = 0.05  # of music: what is shipped must keep up with all but this share of it


@dataclass(frozen=True, slots=True)
class Live:
    """What the shipped network is asked for."""

    sharing: Sharing  # its own
    context: int
    notes_per_s: float  # of all players together
    has_own_step: bool  # its keys and values, in training


@dataclass(frozen=True, slots=True)
class Candidate:
    row: Standing
    alone: float  # times live play, one player
    crowd: float  # times live play of each of `players`
    players: int

    @property
    def is_fast_enough(self) -> bool:
        return self.alone >= HEADROOM and self.crowd >= 1


def live(corpus: Corpus) -> Live:
    """As dense as the densest of the held-out passages that are continued, but for the densest few."""
    pieces = [piece for split in ("valid", "test") for piece in corpus.split(split).pieces]
    truths = [trial.truth for trial in choose_trials(pieces)]
    seconds = [truth.ticks / TICKS_PER_QUARTER * 60 / truth.bpm for truth in truths]
    paces = [len(truth.notes) / each for truth, each in zip(truths, seconds, strict=True)]
    config = load(SHIPPED).config
    about = json.loads((WEIGHTS / SHIPPED / INDEX).read_text())["about"]
    return Live(
        config.sharing, config.context, float(np.quantile(paces, 1 - DENSEST)), about.items() >= OWN_STEP.items()
    )


def candidates(rows: Sequence[Standing], speed: Json, live: Live) -> list[Candidate]:
    """Ways whose speed is known, at the first context that holds what `small` holds."""
    small = [row for row in speed["rows"] if row["shape"] == SHIPPED]
    contexts = sorted({row["context"] for row in small})
    context = next((each for each in contexts if each >= live.context), contexts[-1])
    ms = {(row["way"], row["sequences"]): row["ms_p50"] for row in small if row["context"] == context}
    players = max(count for _, count in ms)
    found = []
    for row in (row for row in rows if (row.way, 1) in ms):
        asked = live.notes_per_s * row.nats_per_note / row.nats_per_token  # tokens a second
        alone, crowd = (1000 / ms[row.way, count] / asked for count in (1, players))
        found.append(Candidate(row, alone, crowd, players))
    return found


def best_of(found: Sequence[Candidate]) -> Candidate | None:
    """The best prediction of those that are fast enough."""
    fast = (each for each in found if each.is_fast_enough)
    return min(fast, key=lambda each: each.row.nats_per_note, default=None)


def chosen(found: Sequence[Candidate], more_than_best: Mapping[str, Interval]) -> Candidate | None:
    """Among those that are fast enough: of all that are not told apart from the best prediction, the fastest.

    `more_than_best`: nats of each way, paired with those of the best. Speeds that look the same in the table are the
    same.
    """
    equals = (each for each in found if each.is_fast_enough and more_than_best[each.row.way].low <= 0)
    return max(equals, key=lambda each: (round(each.alone, 1), -each.row.nats_per_note), default=None)


def beside(best: Standing, runs: Sequence[tuple[Run, Json]]) -> dict[str, Interval]:
    """Nats of each way in the same comparison more than its, in percent."""
    here = [(run, each) for run, each in runs if run.match is best.match]
    return {row.way: row.more_nats for row in standings(here, best.way)}


def verdict(everything: Sequence[Standing], runs: Sequence[tuple[Run, Json]], speed: Json, live: Live) -> list[str]:
    """A section of the page. Of the two tables at equal width the fuller counts, else that of the next weights."""
    tables = [[row for row in everything if row.match is match] for match in (Match.OWN_STEP, Match.WIDTH)]
    rows = max(tables, key=lambda rows: len(candidates(rows, speed, live)))
    found = candidates(rows, speed, live)
    best = best_of(found)
    more_than_best = beside(best.row, runs) if best else {}
    head = [
        "",
        "nats a note",
        "more than the best, %",
        "head-room, one player",
        f"{found[0].players} at once",
        "enough",
    ]
    body = [
        [
            f"`{each.row.way}`",
            f"{each.row.nats_per_note:.3f}",
            signed(more_than_best[each.row.way]) if best and each.row.way != best.row.way else "",
            f"{each.alone:.1f}",
            f"{each.crowd:.1f}",
            "yes" if each.is_fast_enough else "no",
        ]
        for each in found
    ]
    live_share = f"more than {100 * (1 - DENSEST):.0f} % of held-out passages have"
    return [
        "## Which way should be the default?",
        f"The rule: among the ways that keep a head-room of {HEADROOM:g} over live play for one player, and keep up "
        f"with {found[0].players} at once on a thread, the fewest nats ({rows[0].match}); of those that paired "
        "intervals do not tell apart from the best of these, the fastest. Live play is "
        f"{live.notes_per_s:.1f} notes a second, {live_share}; head-room is how many times that `{SHIPPED}` can write "
        "with one thread, at the speeds below.",
        table(head, body),
        _sentence(found, chosen(found, more_than_best), live),
    ]


def _sentence(found: Sequence[Candidate], best: Candidate | None, live: Live) -> str:
    ours = live.sharing.value
    if best is None:
        return f"None is fast enough, so the rule chooses none; `{SHIPPED}` shares `{ours}`."
    if best.row.way == ours:
        agreed = f"The rule chooses `{ours}`, and `{ours}` is what `{SHIPPED}` shares: they agree."
        return agreed + " Its keys and values had no step of their own in training; the next weights' will." * (
            not live.has_own_step
        )
    rival = next((each for each in found if each.row.way == ours), None)
    costs = ""
    if rival is not None:
        less = 100 * (rival.row.nats_per_note / best.row.nats_per_note - 1)
        costs = (
            f" In the tables `{ours}` costs {less:.1f} % more nats a note than `{best.row.way}` and keeps "
            f"{rival.alone / best.alone:.1f} times its head-room alone, {rival.crowd / best.crowd:.1f} times with "
            f"{best.players} at once."
        )
    return (
        f"**The rule chooses `{best.row.way}`; `{SHIPPED}` shares `{ours}`: they do not agree.**{costs} Weights that "
        f"share one way cannot be made to share another, so the shipped ones stay. {_next(best)}"
    )


def _next(best: Candidate) -> str:
    if best.row.match is Match.OWN_STEP:
        return f"The next are to be trained with `--sharing {best.row.way}`."
    return "The next give keys and values a step of their own in training: the rule waits for that table to be as full."
