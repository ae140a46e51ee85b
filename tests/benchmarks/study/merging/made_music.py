"""Piano and band pieces that nobody wrote, words learned from them, and results that nobody measured."""

import random
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from benchmarks.study.merging.plan import QUICK, MergingPlan, Run, Way, runs
from benchmarks.study.merging.playing import ERRORS
from benchmarks.study.merging.words import Scope, Words, learn
from model.networks.config import NetworkConfig, Sharing
from model.tokens.codec import on_grid
from model.training.corpus import Corpus, Piece
from model.training.crops import whole_piece
from music.score import DRUMS, Note
from music.time import Meter, MeterChange, Tempo, Tick

PLAN: MergingPlan = replace(
    QUICK,
    shape=NetworkConfig(sharing=Sharing.MHA, layers=1, width=32, heads=4, head_size=8, hidden=32, context=128),
    ways=(Way(40),), seeds=1, steps=8, batch=2, read=60, most=40, crops=6, trials=1,
)  # fmt: skip
PIECES = 30


def made_piece(seed: int, programs: Sequence[int], split: str, bars: int = 14) -> Piece:
    """Two notes at least on every beat, one of each player."""
    dice, notes = random.Random(seed), []
    for beat in range(4 * bars):
        for part in range(len(programs)):
            pitch = 36 if programs[part] == DRUMS else 48 + 12 * part + dice.choice((0, 2, 4, 5, 7, 9, 11))
            notes.append(on_grid(Note(Tick(480 * beat), part, pitch, dice.choice((60, 80)), dice.choice((240, 480)))))
    rows = np.array([(n.onset, n.part, n.pitch, n.velocity, n.duration) for n in notes], np.int32)
    change = MeterChange(Tick(0), Meter())
    return Piece("made", "pop", split, tuple(programs), (Tempo.from_bpm(120),), (change,), rows, path=f"{seed}.mid")


@cache
def made_corpus() -> Corpus:
    """A piano's two hands, and a trio; the last held-out piece is for a duo that training never saw."""
    kinds = ((0, 0), (0, 32, DRUMS))
    train = [made_piece(10 * i + j, kinds[j], "train") for i in range(4) for j in range(2)]
    held = [made_piece(100 + 10 * i + j, kinds[j], "valid") for i in range(3) for j in range(2)]
    return Corpus((*train, *held, made_piece(999, (24, 73), "test")))


@cache
def made_words(scope: Scope, merges: int = 60) -> Words:
    rows = [whole_piece(piece).tolist() for piece in made_corpus().split("train").pieces]
    return Words(learn(rows, scope, merges), merges)


def made_results(
    worse: dict[Way, float], *, seeds: int = 3, new: float = 0.0, nmsi: float = -1.0
) -> list[tuple[Run, dict[str, Any]]]:
    """For each way nats so many percent more than with no merges, on new instruments `new` more; NMSI `nmsi` times."""
    plan = replace(PLAN, ways=tuple(worse), seeds=seeds)
    return [(run, _result(run, worse[run.way], new, nmsi)) for run in runs(plan, "made")]


def _result(run: Run, percent: float, new: float, nmsi: float) -> dict[str, Any]:
    dice = np.random.default_rng(run.seed)
    notes, known = np.arange(20, 20 + PIECES), np.arange(PIECES) % 3 > 0
    more = np.where(known, percent, percent + new * bool(run.way.merges))
    return {
        "commit": "made",
        "nats": (notes * dice.uniform(6, 9, PIECES) * (1 + more / 100)).tolist(),
        "notes": notes.tolist(),
        "tokens": (5 * notes).tolist(),
        "words": (5 * notes if not run.way.merges else 2 * notes).tolist(),
        "known": known.tolist(),
        "anatomy": {
            "merged": run.way.merges,
            "longest": 5,
            "mean_length": 3.0,
            "crossing_notes": 0.5,
            "crossing_onsets": 0.25,
            "crossing_parts": 0.1,
            "used": 0.75,
            "often": [["pitch 60 + velocity 5", 17]],
        },
        "nmsi": (dice.uniform(40, 70, PIECES) * (1 + nmsi * percent / 100)).tolist(),
        "nmsi_prompt_repeated": [70.0] * PIECES,
        "nmsi_other_piece": [None] * PIECES,
        "played_notes": [100] * PIECES,
        "played_words": [500 if not run.way.merges else 199] * PIECES,
        "errors": {kind: [int(run.way.merges > 0)] + [0] * (PIECES - 1) for kind in ERRORS},
        "paced_notes": 500,
        "seconds": 10.0 if not run.way.merges else 5.0,
    }
