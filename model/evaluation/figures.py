"""An evaluation as a flat map of names to numbers: fixed keys, so that a claim can be checked by a script."""

import re
from collections.abc import Iterator, Mapping

from model.evaluation.evaluate import Evaluation, Table
from model.evaluation.intervals import Interval
from model.evaluation.prediction import FIVE_GRAM, NETWORK, UNIFORM, UNIGRAM
from model.evaluation.references import MACHINE, OTHER_PIECE, PROMPT_REPEATED, SAME_PIECE, LikenessReport
from model.evaluation.sets import SetReport
from model.training.validation import Nll

PLAYERS = {NETWORK: "", FIVE_GRAM: "_5gram", UNIGRAM: "_unigram", UNIFORM: "_uniform"}
REFERENCES = {
    MACHINE: "",
    PROMPT_REPEATED: "_prompt_repeated",
    OTHER_PIECE: "_other_piece",
    SAME_PIECE: "_same_piece_later",
}
Figures = dict[str, float]


def flat(evaluation: Evaluation) -> Figures:
    """What is not known, nan, has no key. Intervals are `_low` and `_high`; shares are 0 to 1; NMSI is 0 to 100."""
    found: Figures = {}
    for split, players in evaluation.prediction.items():
        found |= dict(_prediction(players, "" if split == "valid" else f"_{split}"))
    found |= dict(_likeness(evaluation.likeness))
    if evaluation.sets is not None:
        found |= dict(_sets(evaluation.sets))
    found |= dict(_table(evaluation.tonal, {"machine": "", "human": "_real"}))
    health = dict(_table(evaluation.health, {"machine": "", "human": "_real"}))
    found |= {re.sub("^(stuck|runaway)", r"\1_share", name): value for name, value in health.items()}
    rivals = {"machine": "", "machine, leaning": "_leaning", "real": "_real", "real, bars shuffled": "_shuffled"}
    found |= {f"accompaniment_{name}": value for name, value in _table(evaluation.accompaniment, rivals)}
    rivals = {"machine": "", "the piece itself": "_real", "another piece": "_other_piece"}
    found |= {f"answer_{name}": value for name, value in _table(evaluation.answer, rivals)}
    found |= {
        "continuations": len(evaluation.continuations.trials),
        "accompaniments": len(evaluation.accompaniments.trials),
        "answers": len(evaluation.answers.trials),
    }
    return {name: value for name, value in found.items() if value == value}


def _prediction(players: Mapping[str, Nll], split: str) -> Iterator[tuple[str, float]]:
    for player, nll in players.items():
        ending = PLAYERS[player] + split
        yield f"nll_per_note{ending}", nll.per_note
        yield f"nll_per_token{ending}", nll.per_token
        for attribute, value in nll.by_attribute.items():
            yield f"nll_{attribute}{ending}", value


def _likeness(reports: Mapping[str, LikenessReport]) -> Iterator[tuple[str, float]]:
    for name, report in reports.items():
        for component, interval in report.figures.items():
            part = "nmsi" if component == "nmsi" else f"nmsi_{component}"
            yield from _interval(f"{part}{REFERENCES[name]}", interval)


def _sets(report: SetReport) -> Iterator[tuple[str, float]]:
    for mean, closeness, ending in (
        (report.machine_mean, report.machine, ""),
        (report.human_mean, report.human, "_real"),
    ):
        yield from _interval(f"overlap_area{ending}", mean.overlap_area)
        yield from _interval(f"kld{ending}", mean.kld)
        yield from _interval(f"kld_legacy{ending}", mean.kld_legacy)
        for measure, each in closeness.items():
            yield f"overlap_area_{key(measure)}{ending}", each.overlap_area.value
            yield f"kld_{key(measure)}{ending}", each.kld.value
            yield f"kld_legacy_{key(measure)}{ending}", each.kld_legacy.value
    yield from _interval("overlap_area_share", report.share)


def _table(table: Table, endings: Mapping[str, str]) -> Iterator[tuple[str, float]]:
    for who, figures in table.items():
        for name, interval in figures.items():
            yield from _interval(f"{key(name)}{endings[who]}", interval)


def _interval(name: str, interval: Interval) -> Iterator[tuple[str, float]]:
    yield name, interval.value
    yield f"{name}_low", interval.low
    yield f"{name}_high", interval.high


def key(name: str) -> str:
    """ "PC/seg" -> "pc_seg"."""
    return re.sub(r"\W+", "_", name.partition(",")[0]).lower()
