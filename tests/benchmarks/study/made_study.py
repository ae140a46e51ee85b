"""A study of a few steps on a few pieces, and results that nobody measured."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.study.plan import QUICK, Match, Run, StudyPlan, runs
from model.evaluation.evaluate import TONAL
from model.networks.config import NetworkConfig, Sharing

PLAN: StudyPlan = replace(
    QUICK,
    shape=NetworkConfig(sharing=Sharing.MHA, layers=1, width=64, heads=4, head_size=16, hidden=64, context=128),
    ways=("mha", "grouped"), matches=(Match.WIDTH,), seeds=1, steps=6, batch=2, crops=None, trials=2, dissected=2,
    contexts=(16,), sequences=(1, 2), speed_s=0.0,
)  # fmt: skip
PIECES = 40


def made_results(worse: Mapping[str, float], *, seeds: int = 3, noise: float = 0.0) -> list[tuple[Run, dict[str, Any]]]:
    """For each way of `worse` results so many percent worse than those of `mha`, on every piece alike but for noise."""
    plan = replace(PLAN, ways=tuple(worse), seeds=seeds)
    return [(run, _result(run, worse[run.way], noise)) for run in runs(plan, "made")]


def _result(run: Run, percent: float, noise: float) -> dict[str, Any]:
    dice, own = np.random.default_rng(run.seed), np.random.default_rng((run.seed, len(run.way)))
    tokens = dice.integers(20, 60, (PIECES, 4))
    nats = tokens * dice.uniform(1, 4, tokens.shape) * (1 + percent / 100 + noise * own.normal(size=tokens.shape))
    nmsi = dice.uniform(40, 70, PIECES) * (1 - percent / 100)
    mass = np.full((2, 4, 4), 0.25)
    if run.way == "grouped":
        mass = np.broadcast_to(0.2 * np.ones((4, 4)) + 0.2 * np.eye(4), (2, 4, 4))
    found: dict[str, Any] = {
        "commit": "made",
        "nats": nats.tolist(),
        "tokens": tokens.tolist(),
        "notes": tokens[:, 3].tolist(),
        "nmsi": nmsi.tolist(),
        "nmsi_prompt_repeated": [70.0] * PIECES,
        "nmsi_other_piece": [None] * PIECES,
        "overlap_share": 0.9,
        "stuck": [0.0] * PIECES,
        **{name: [1.0] * PIECES for name in TONAL},
        **{f"{name}, human": [1.5] * PIECES for name in TONAL},
    }
    return found | ({"mass": mass.tolist(), "lost": np.eye(4).tolist()} if run.way in ("mha", "grouped") else {})
