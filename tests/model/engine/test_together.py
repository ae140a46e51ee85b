"""Writers that share an engine write what they would write alone."""

import pytest

from model.engine.together import Writer, run_together
from model.engine.torch_engine import TorchEngine, TorchSequence
from model.engine.work import Draw, Sampling, Step
from model.generate import continuation, continue_score
from model.networks.config import Sharing
from music.score import Note, Part, Score
from music.time import Tick
from tests.model.random_networks import random_network


def tune(pitch: int) -> Score:
    return Score((Part(0),), tuple(Note(Tick(i * 480), 0, pitch + i, 80, 240) for i in range(4)))


def engine(max_sequences: int = 3) -> TorchEngine:
    return TorchEngine(random_network(Sharing.ROUTED, context=256), threads=1, max_sequences=max_sequences)


def test_each_writes_what_it_would_write_alone() -> None:
    shared = engine()
    plain = Sampling()
    writers = [continuation(shared, tune(50 + i), bars=1 + i % 3, sampling=plain, seed=i) for i in range(7)]
    together = run_together(shared, writers, at_once=3)
    alone = [continue_score(shared, tune(50 + i), bars=1 + i % 3, sampling=plain, seed=i) for i in range(7)]
    assert together == alone
    assert shared.kv_bytes == 0


def test_no_more_are_begun_than_may_be_at_once_and_each_end_is_told() -> None:
    shared, open_now, most, ends = engine(max_sequences=2), 0, 0, 0

    def writer(steps: int) -> Writer[TorchSequence, int]:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        sequence, total = shared.open(seed=steps), 0
        for length in range(steps):
            total += sum((yield sequence, Step(keep=length, append=(0,), draw=Draw(allowed=((0, 9),)))))
        sequence.close()
        open_now -= 1
        return steps

    def ended() -> None:
        nonlocal ends
        ends += 1

    assert run_together(shared, [writer(n) for n in (3, 1, 0, 4, 2)], at_once=2, progress=ended) == [3, 1, 0, 4, 2]
    assert (most, ends) == (2, 5)


def test_nothing_to_write_needs_no_engine_run() -> None:
    nothing: list[Writer[TorchSequence, int]] = []
    assert run_together(engine(), nothing, at_once=2) == []


def test_an_error_of_one_is_the_callers() -> None:
    shared = engine()
    with pytest.raises(ValueError, match="odd"):
        run_together(shared, [continuation(shared, tune(50), bars=1, sampling=Sampling(), seed=0), _fails()], at_once=2)


def _fails() -> Writer[TorchSequence, Score]:
    raise ValueError("odd")
    yield
