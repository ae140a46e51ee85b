"""Each way of sharing beside another, piece by piece and seed by seed, from what was measured. Trains nothing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from benchmarks.study.paired import Array, Json, more, stack
from benchmarks.study.plan import MHA, Match, Run, parameters
from benchmarks.study.quality import GROUP_NAMES
from model.evaluation.evaluate import TONAL
from model.evaluation.intervals import Interval

MEANS: Final = ("stuck", *TONAL, *(f"{name}, human" for name in TONAL))


@dataclass(frozen=True, slots=True)
class Standing:
    """Of one way in one comparison. What is "more" is against a rival with the same seeds: negative nats are better."""

    match: Match
    way: str
    parameters: int
    seeds: tuple[int, ...]
    pieces: int
    trials: int
    nats_per_token: float
    nats_per_note: float
    nats_by_group: dict[str, float]
    nmsi: float
    spread: float  # of nats per token over the seeds: largest less smallest
    means: dict[str, float]  # of the continuations, and of the human's; Overlap Area against what humans reach
    more_nats: Interval  # a token, in percent
    more_nats_by_group: dict[str, Interval]  # likewise
    more_nmsi: Interval  # in percent


def standings(found: Iterable[tuple[Run, Json]], rival: str = MHA) -> list[Standing]:
    """Of the ways that have a seed in common with `rival`, in the order of the plan."""
    table: dict[tuple[Match, str], dict[int, Json]] = {}
    sizes: dict[tuple[Match, str], int] = {}
    for run, each in found:
        table.setdefault((run.match, run.way), {})[run.seed] = each
        sizes[run.match, run.way] = parameters(run.config)
    rows = []
    for (match, way), by_seed in table.items():
        of_rival = table.get((match, rival), {})
        seeds = tuple(seed for seed in by_seed if seed in of_rival)
        if seeds:
            ours, theirs = ([each[seed] for seed in seeds] for each in (by_seed, of_rival))
            rows.append(_standing(match, way, sizes[match, way], seeds, ours, theirs))
    return rows


def _standing(
    match: Match, way: str, size: int, seeds: tuple[int, ...], ours: list[Json], theirs: list[Json]
) -> Standing:
    nats, rival = stack(ours, "nats"), stack(theirs, "nats")  # (seeds, pieces, groups)
    tokens, notes = np.array(ours[0]["tokens"]), np.array(ours[0]["notes"])
    nmsi, rival_nmsi = stack(ours, "nmsi"), stack(theirs, "nmsi")  # (seeds, trials)
    by_seed = nats.sum(axis=(1, 2)) / tokens.sum()
    shares = [each["overlap_share"] for each in ours if each["overlap_share"] is not None]
    per_group = zip(GROUP_NAMES, np.moveaxis(nats, 2, 0), np.moveaxis(rival, 2, 0), tokens.T, strict=True)
    return Standing(
        match=match,
        way=way,
        parameters=size,
        seeds=seeds,
        pieces=len(tokens),
        trials=nmsi.shape[1],
        nats_per_token=float(by_seed.mean()),
        nats_per_note=float(nats.sum() / len(seeds) / notes.sum()),
        nats_by_group=dict(
            zip(GROUP_NAMES, (nats.mean(axis=0).sum(axis=0) / tokens.sum(axis=0)).tolist(), strict=True)
        ),
        nmsi=float(nmsi.mean()),
        spread=float(np.ptp(by_seed)),
        means={
            "overlap": float(np.mean(shares)) if shares else float("nan"),
            **{name: float(stack(ours, name).mean()) for name in MEANS},
        },
        more_nats=more(nats.sum(axis=2), rival.sum(axis=2), tokens.sum(axis=1)),
        more_nats_by_group={name: more(mine, other, weight) for name, mine, other, weight in per_group},
        more_nmsi=more(nmsi, rival_nmsi, np.ones(nmsi.shape[1])),
    )


def dissections(found: Iterable[tuple[Run, Json]], match: Match) -> dict[str, dict[str, Array]]:
    """Way -> "mass" (seeds, layers, heads, groups) and "lost" (seeds, groups off, groups of tokens).

    No means over the seeds: the heads of `mha` with the same number have nothing in common.
    """
    gathered: dict[str, list[Json]] = {}
    for run, each in found:
        if "mass" in each and run.match is match:
            gathered.setdefault(run.way, []).append(each)
    return {way: {name: stack(each, name) for name in ("mass", "lost")} for way, each in gathered.items()}


def references(found: Iterable[tuple[Run, Json]]) -> Mapping[str, float]:
    """NMSI that needs no network: the same in every run."""
    one: Any = next(iter(found))[1]
    names = {"prompt repeated": "nmsi_prompt_repeated", "other piece": "nmsi_other_piece"}
    known = {name: [value for value in one[key] if value is not None] for name, key in names.items()}
    return {name: float(np.mean(values)) for name, values in known.items() if values}
