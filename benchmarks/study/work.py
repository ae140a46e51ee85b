"""The study's labour: every run trained and measured, each once, by as many processes as there are cores.

A run is a folder. A process takes the first that is neither finished nor another's, so a study may be cut, go on, and
be spread over several calls. One thread to a process: networks this small gain little from a second.
"""

import json
import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Final

import torch

from benchmarks.report import commit
from benchmarks.study.plan import Run, StudyPlan, runs
from benchmarks.study.quality import HeldOut, Json, measure
from benchmarks.study.training import Deadline, OutOfTime, trained
from model.training.corpus import Corpus
from model.training.shards import load_corpus
from music.errors import TradefoursError
from server.file_lock import lock

LOCK: Final = "lock"


def work_through(plan: StudyPlan, data: str, corpus_file: Path, folder: Path, deadline: Deadline) -> None:
    """Until all runs are measured, or the time is over."""
    left = {run.name for run in runs(plan, data) if not measured_file(plan, run, folder).exists()}
    spawn, told = multiprocessing.get_context("spawn"), (plan, data, corpus_file, folder, deadline)
    crew = [spawn.Process(target=_work, args=told) for _ in range(min(len(left), os.cpu_count() or 1))]
    for process in crew:
        process.start()
    for process in crew:
        process.join()
    if any(process.exitcode for process in crew):
        raise TradefoursError(f"expected the runs in {folder} to end well, got a failure: its reason is above")


def work(plan: StudyPlan, data: str, corpus: Corpus, folder: Path, deadline: Deadline) -> None:
    """This process's share of it. Raises OutOfTime."""
    held_out = HeldOut.of(corpus, plan)
    for run in runs(plan, data):
        place = folder / run.name
        place.mkdir(parents=True, exist_ok=True)
        with _alone(place) as is_ours:
            file = measured_file(plan, run, folder)
            if not is_ours or file.exists():
                continue
            network = trained(run, corpus, place, deadline)
            deadline.check()
            found = {"commit": commit(), **measure(network, held_out)}
            unfinished = file.with_suffix(".new")
            unfinished.write_text(json.dumps(found) + "\n")
            unfinished.replace(file)
            print(f"{run.way}, {run.match}, seed {run.seed}: {place}", flush=True)


def measured_file(plan: StudyPlan, run: Run, folder: Path) -> Path:
    """Named after how much was measured."""
    return folder / run.name / f"measured-{plan.crops or 'all'}-{plan.trials}-{plan.dissected}.json"


def measured(plan: StudyPlan, data: str, folder: Path) -> list[tuple[Run, Json]]:
    """What is complete so far."""
    files = ((run, measured_file(plan, run, folder)) for run in runs(plan, data))
    return [(run, json.loads(file.read_text())) for run, file in files if file.exists()]


def _work(plan: StudyPlan, data: str, corpus_file: Path, folder: Path, deadline: Deadline) -> None:
    torch.set_num_threads(1)
    try:
        work(plan, data, load_corpus(corpus_file), folder, deadline)
    except OutOfTime as end:
        print(end, flush=True)


@contextmanager
def _alone(place: Path) -> Iterator[bool]:
    """Whether nobody else works in this folder, and nobody will while the block runs."""
    with FileIO(place / LOCK, "a") as file:
        try:
            lock(file)
        except OSError:
            yield False
        else:
            yield True
