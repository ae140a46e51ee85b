"""A run of the study, from nothing to weights; cut anywhere, it goes on to the same weights, bit for bit.

The trainer's budget is of time, the study's of steps: here the trainer's clock counts its steps.
"""

import json
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Final, Protocol

from benchmarks.report import commit, cpu
from model.checkpoint import AnyConfig, AnyNetwork, load_network, save_network
from model.networks.decoder import Decoder
from model.training.lesson import Lesson
from model.training.trainer import STATE, Progress, Trainer, TrainingPlan
from music.errors import TradefoursError

WEIGHTS: Final = "weights.safetensors"
ABOUT: Final = "run.json"
WATCHED: Final = 8  # validation pieces for a lesson's curve; no weights are chosen by it
CHECKS: Final = 4  # in a run; each also writes down where it is
STEP_NS: Final = 10**9


class Run(Protocol):
    """One network to be trained, with whatever else decides its weights."""

    @property
    def config(self) -> AnyConfig: ...

    @property
    def steps(self) -> int: ...

    @property
    def batch(self) -> int:
        """Crops of the whole context in a step."""

    @property
    def identity(self) -> dict[str, object]:
        """What decides the weights, ready for JSON."""

    @property
    def name(self) -> str:
        """Of its folder: made from the identity, and from nothing else."""

    @property
    def label(self) -> str:
        """For people."""


class OutOfTime(TradefoursError):
    """The time that the study was given is over. All that was done is kept."""


class Deadline:
    """When to stop, of time.monotonic_ns(). None is never."""

    def __init__(self, minutes: float | None, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._clock = clock
        self._end = None if minutes is None else clock() + round(minutes * 60e9)

    def check(self) -> None:
        if self._end is not None and self._clock() >= self._end:
            raise OutOfTime("expected more time for the study, got to the end of --minutes; the same command goes on")


def trained(
    run: Run,
    lesson: Callable[[], Lesson],
    folder: Path,
    deadline: Deadline,
    *,
    own_step: bool = False,
    checks: int = CHECKS,
) -> Decoder:
    """The network of a run, from its folder, or trained into it. Raises OutOfTime between two steps."""
    return load_network(trained_weights(run, lesson, folder, deadline, own_step=own_step, checks=checks))


def trained_weights(
    run: Run,
    lesson: Callable[[], Lesson],
    folder: Path,
    deadline: Deadline,
    *,
    own_step: bool = False,
    checks: int = CHECKS,
) -> Path:
    """The same, for a network of whichever kind: where its weights are."""
    weights = folder / WEIGHTS
    if not weights.exists():
        network = _train(run, lesson(), folder, deadline, own_step=own_step, checks=checks)
        save_network(network, weights, about={})
        (folder / STATE).unlink()
    return weights


def _train(run: Run, lesson: Lesson, folder: Path, deadline: Deadline, *, own_step: bool, checks: int) -> AnyNetwork:
    budget = (run.steps - 0.5) / 60  # exactly so many steps, whatever is lost in rounding
    plan = TrainingPlan(
        minutes=budget,
        length=run.config.context,
        batch=run.batch,
        shorter=0.0,
        own_step=own_step,
        half=False,  # networks this small gain nothing, and figures are the same on every processor
        validate_every_minutes=budget / checks,
    )
    clock = count(0, STEP_NS).__next__
    trainer = Trainer(plan, lesson, folder, threads=1, clock=clock)
    began = time.monotonic_ns()

    def report(progress: Progress, loss: float, rate: float) -> None:
        if progress.step < run.steps:
            deadline.check()

    try:
        trainer.run(report)
    finally:
        _note(run, folder, (time.monotonic_ns() - began) / 1e9)
    return trainer.network


def _note(run: Run, folder: Path, seconds: float) -> None:
    """What this run is, and how long it has taken; a stretch that was killed is not counted."""
    file = folder / ABOUT
    before = json.loads(file.read_text())["wall_s"] if file.exists() else 0.0
    about = {"label": run.label, **run.identity, "commit": commit(), "cpu": cpu(), "wall_s": round(before + seconds, 1)}
    file.write_text(json.dumps(about, indent=1) + "\n")
