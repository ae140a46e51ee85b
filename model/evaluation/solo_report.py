"""An evaluation of solo piano as Markdown, and as flat figures."""

from collections.abc import Mapping
from math import isnan
from typing import Final

from model.evaluation.intervals import Interval
from model.evaluation.long_piece import densities
from model.evaluation.passage import Passage
from model.evaluation.performances import (
    FIVE_GRAM,
    GRAM,
    NETWORK,
    QUARTERS,
    STREAMED,
    Extent,
    SoloEvaluation,
    longest_repeat,
    pitches_of,
    repeats,
)
from model.evaluation.report import beside, sets_table, table

ROLLS_FILE: Final = "rolls.png"
LONG_FILE: Final = "long-piece.png"


def solo_markdown(found: SoloEvaluation, *, name: str, seed: int, backend: str, command: str, extent: Extent) -> str:
    """`command` is what makes this report again."""
    rows = [
        [split, str(found.predicted[split]), str(players[NETWORK]), str(players[FIVE_GRAM])]
        for split, players in found.prediction.items()
    ]
    sections = [
        f"# Evaluation of `{name}`",
        f"`{command}`, engine: {backend}, seed {seed}. Brackets hold 95 % bootstrap intervals over pieces. "
        "What each figure means: docs/evaluation/README.md.",
        "## Prediction",
        f"Nats per token of expressive piano, the first {extent.contexts} contexts of each piece, mean over pieces. "
        "The 5-gram has read the whole training split.",
        table(["split", "tokens", NETWORK, FIVE_GRAM], rows),
        "## Streaming",
        f"{extent.streams} held-out pieces token by token, {STREAMED} windows of each without the first, which is the "
        "same in both ways: exact, which every engine plays, and rolling.",
        table(["", "value"], [[name, str(each)] for name, each in found.drift.items()]),
        "## The set as a whole",
        f"{len(found.machine)} pieces of {extent.tokens} tokens from nothing, at temperature 1 and with no token left "
        "out, beside the first tokens of as many held-out humans; the human columns are real against real.",
        sets_table(found.sets),
        "## Repetition",
        f"A repetition is {GRAM} notes in a row that were played before in the piece.",
        beside(found.habits),
        f"![piano rolls]({ROLLS_FILE})",
        "## A long piece",
        _long_table(found.long),
        f"![one long piece: roll, notes a second, self-similarity]({LONG_FILE})",
    ]
    return "\n\n".join(sections) + "\n"


def _long_table(pieces: Mapping[str, Passage]) -> str:
    rows = [
        [
            who,
            f"{passage.seconds(passage.ticks):.0f}",
            str(len(passage.notes)),
            f"{min(densities(passage)):.1f} to {max(densities(passage)):.1f}",
            str(longest_repeat(pitches_of(passage))),
            *(f"{each:.2f}" for each in repeats(passage)),
        ]
        for who, passage in pieces.items()
    ]
    quarters = [f"repetitions/s, quarter {i + 1}" for i in range(QUARTERS)]
    return table(["", "seconds", "notes", "notes a second", "longest repetition, notes", *quarters], rows)


def solo_figures(found: SoloEvaluation) -> dict[str, list[float]]:
    """Value, low and high of each. What is not known, nan, has no key."""
    figures = {
        f"nats_per_token/{split}/{player}": interval
        for split, players in found.prediction.items()
        for player, interval in players.items()
    }
    figures |= {f"streaming/{name}": each for name, each in found.drift.items()}
    for who, closeness in (("machine", found.sets.machine), ("human", found.sets.human)):
        figures |= {f"overlap_area/{who}/{name}": each.overlap_area for name, each in closeness.items()}
        figures |= {f"kld/{who}/{name}": each.kld for name, each in closeness.items()}
    means: Mapping[str, Interval] = {
        "overlap_area/machine/mean": found.sets.machine_mean.overlap_area,
        "overlap_area/human/mean": found.sets.human_mean.overlap_area,
        "overlap_area_share": found.sets.share,
    }
    figures |= means
    figures |= {f"habits/{who}/{name}": each for who, habits in found.habits.items() for name, each in habits.items()}
    known = {name: each for name, each in figures.items() if not isnan(each.value)}
    return {name: [round(x, 5) for x in (each.value, each.low, each.high)] for name, each in known.items()}
