"""A study's labour: every run done, each once, by as many processes as there are cores. Knows not what a run is.

A run is a folder. A process takes the first that is neither finished nor another's, so a study may be cut, go on, and
be spread over several calls. One thread to a process: networks this small gain little from a second.
"""

import json
import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Final, Protocol, TypeVar

import torch

from benchmarks.report import commit
from benchmarks.study.data import Data
from benchmarks.study.paired import Json
from benchmarks.study.training import Deadline, OutOfTime, Run
from model.training.corpus import Corpus
from model.training.shards import load_corpus
from music.errors import TradefoursError
from server.file_lock import lock

LOCK: Final = "lock"
R = TypeVar("R", bound=Run)


class Study(Protocol[R]):
    """Small: it is sent to every process."""

    @property
    def measurements(self) -> str:
        """The file of a run's figures, named after how much is measured."""

    def runs(self, data: str) -> Iterable[R]:
        """In the order in which they are done. `data`: the corpus's fingerprint."""

    def labour(self, corpus: Corpus, folder: Path) -> Callable[[R, Deadline], Json]:
        """Does a run in its folder, and returns its figures. Raises OutOfTime.

        What all runs of a process share is made here; what all processes share may be kept in `folder`.
        """


def work_through(study: Study[R], data: Data, folder: Path, deadline: Deadline) -> None:
    """Until all runs are measured, or the time is over."""
    left = {run.name for run in study.runs(data.fingerprint) if not measured_file(study, run, folder).exists()}
    spawn, told = multiprocessing.get_context("spawn"), (study, data, folder, deadline)
    crew = [spawn.Process(target=_work, args=told) for _ in range(min(len(left), os.cpu_count() or 1))]
    for process in crew:
        process.start()
    for process in crew:
        process.join()
    if any(process.exitcode for process in crew):
        raise TradefoursError(f"expected the runs in {folder} to end well, got a failure: its reason is above")


def work(study: Study[R], data: str, corpus: Corpus, folder: Path, deadline: Deadline) -> None:
    """This process's share of it. Raises OutOfTime."""
    do = study.labour(corpus, folder)
    for run in study.runs(data):
        place = folder / run.name
        place.mkdir(parents=True, exist_ok=True)
        with _alone(place) as is_ours:
            file = measured_file(study, run, folder)
            if not is_ours or file.exists():
                continue
            found = {"commit": commit(), **do(run, deadline)}
            unfinished = file.with_suffix(".new")
            unfinished.write_text(json.dumps(found) + "\n")
            unfinished.replace(file)
            print(f"{run.label}: {place}", flush=True)


def measured_file(study: Study[R], run: R, folder: Path) -> Path:
    return folder / run.name / study.measurements


def measured(study: Study[R], data: str, folder: Path) -> list[tuple[R, Json]]:
    """What is complete so far."""
    files = ((run, measured_file(study, run, folder)) for run in study.runs(data))
    return [(run, json.loads(file.read_text())) for run, file in files if file.exists()]


def _work(study: Study[R], data: Data, folder: Path, deadline: Deadline) -> None:
    torch.set_num_threads(1)
    try:
        work(study, data.fingerprint, load_corpus(data.file), folder, deadline)
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
