"""Each way of writing beside no merges, piece by piece and seed by seed, from what was measured. Trains nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.study.merging.music import Music
from benchmarks.study.merging.plan import PLAIN, Run, Way
from benchmarks.study.merging.playing import ERRORS
from benchmarks.study.merging.words import Scope
from benchmarks.study.paired import Array, Json, mean_over, more, stack
from benchmarks.study.plan import parameters
from model.evaluation.intervals import UNKNOWN, Interval

Found = Sequence[tuple[Run, Json]]


@dataclass(frozen=True, slots=True)
class Standing:
    """Of one way in one kind of music. What is "more" is in percent, against no merges with the same seeds."""

    music: Music
    way: Way
    parameters: int
    seeds: tuple[int, ...]
    pieces: int
    trials: int
    words_per_note: float
    words_per_token: float
    nats_per_note: float
    more_nats: Interval  # a note
    more_nats_known: Interval  # likewise, on pieces for instruments that some piece of the training split is for
    more_nats_new: Interval  # and on the others
    new_pieces: int
    nmsi: float
    more_nmsi: Interval
    played_notes: float  # a continuation
    errors: dict[str, float]  # of each kind, in 1,000 words
    notes_per_second: float  # of a processor
    times_as_fast: float  # in notes
    anatomy: Json
    references: dict[str, float]  # NMSI that needs no network


@dataclass(frozen=True, slots=True)
class Trend:
    """Of NMSI where words reach across everything, from the smallest vocabulary to the largest."""

    music: Music
    seeds: int
    merges: tuple[int, ...]
    nmsi: tuple[float, ...]
    step: Interval  # NMSI more with each larger vocabulary: the slope over their ranks, mean

    @property
    def direction(self) -> int:
        """1: rises, -1: falls, 0: not told."""
        return int(self.step.low > 0) - int(self.step.high < 0)

    @property
    def is_monotone(self) -> bool:
        """Of two vocabularies it could not be otherwise."""
        steps = np.diff(self.nmsi)
        return len(steps) > 1 and bool((steps >= 0).all() or (steps <= 0).all())


def standings(found: Found) -> list[Standing]:
    """Of the ways that have a seed in common with no merges, in the order of the plan."""
    rows = []
    for music in Music:
        table = _by_way(found, music)
        for way, by_seed in table.items():
            seeds = tuple(seed for seed in by_seed if seed in table.get(PLAIN, {}))
            if seeds:
                ours, theirs = ([table[each][seed][1] for seed in seeds] for each in (way, PLAIN))
                rows.append(_standing(by_seed[seeds[0]][0], seeds, ours, theirs))
    return rows


def trends(found: Found) -> list[Trend]:
    """Of each kind of music that has two vocabularies with a seed in common."""
    rows = []
    for music in Music:
        table = {way: each for way, each in _by_way(found, music).items() if way.scope is Scope.EVERYTHING}
        ways = sorted(table, key=lambda way: way.merges)
        seeds = sorted(set.intersection(*(set(table[way]) for way in ways))) if ways else []
        if len(ways) > 1 and seeds:
            nmsi = np.stack([stack([table[way][seed][1] for seed in seeds], "nmsi") for way in ways])
            rank = np.arange(len(ways)) - (len(ways) - 1) / 2
            slope: Array = np.tensordot(rank, nmsi, axes=1) / (rank**2).sum()  # (seeds, trials)
            step = mean_over(slope, np.ones(slope.shape[1]))
            merges, means = tuple(way.merges for way in ways), tuple(nmsi.mean(axis=(1, 2)).tolist())
            rows.append(Trend(music, len(seeds), merges, means, step))
    return rows


def _by_way(found: Found, music: Music) -> dict[Way, dict[int, tuple[Run, Json]]]:
    table: dict[Way, dict[int, tuple[Run, Json]]] = {}
    for run, each in found:
        if run.music is music:
            table.setdefault(run.way, {})[run.seed] = run, each
    return table


def _standing(run: Run, seeds: tuple[int, ...], ours: list[Json], theirs: list[Json]) -> Standing:
    nats, rival = stack(ours, "nats"), stack(theirs, "nats")  # (seeds, pieces)
    notes, known = np.array(ours[0]["notes"]), np.array(ours[0]["known"], np.bool_)
    nmsi, rival_nmsi = stack(ours, "nmsi"), stack(theirs, "nmsi")  # (seeds, trials)
    words = stack(ours, "words")[0].sum()
    errors = {kind: sum(sum(each["errors"][kind]) for each in ours) for kind in ERRORS}
    drawn = stack(ours, "played_words").sum()
    return Standing(
        music=run.music,
        way=run.way,
        parameters=parameters(run.config),
        seeds=seeds,
        pieces=len(notes),
        trials=nmsi.shape[1],
        words_per_note=float(words / notes.sum()),
        words_per_token=float(words / np.sum(ours[0]["tokens"])),
        nats_per_note=float(nats.sum() / len(seeds) / notes.sum()),
        more_nats=more(nats, rival, notes),
        more_nats_known=_more_of(known, nats, rival, notes),
        more_nats_new=_more_of(~known, nats, rival, notes),
        new_pieces=int((~known).sum()),
        nmsi=float(nmsi.mean()),
        more_nmsi=more(nmsi, rival_nmsi, np.ones(nmsi.shape[1])),
        played_notes=float(stack(ours, "played_notes").mean()),
        errors={kind: 1000 * count / drawn for kind, count in errors.items()},
        notes_per_second=float(_speed(ours).mean()),
        times_as_fast=float((_speed(ours) / _speed(theirs)).mean()),
        anatomy=ours[0]["anatomy"],
        references={
            name.replace("_", " "): float(np.mean([x for x in ours[0][f"nmsi_{name}"] if x is not None] or [np.nan]))
            for name in ("prompt_repeated", "other_piece")
        },
    )


def _more_of(chosen: np.ndarray[tuple[int], np.dtype[np.bool_]], nats: Array, rival: Array, notes: Array) -> Interval:
    return more(nats[:, chosen], rival[:, chosen], notes[chosen]) if chosen.any() else UNKNOWN


def _speed(found: Iterable[Json]) -> Array:
    """(seeds,), notes a second."""
    return np.array([each["paced_notes"] / each["seconds"] for each in found], np.float64)
