"""Parts written anew under others: all that is given stays, the new notes are where they were asked for."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.engine.together import run_together
from model.engine.torch_engine import TorchEngine, TorchSequence
from model.engine.work import Drawn, Sampling, Step
from model.fill import Filling, as_before, machine_first
from model.generate import plain
from model.networks.config import Sharing
from model.tokens.codec import on_grid
from model.tokens.vocabulary import METER, meter_index
from music.errors import BadSetting
from music.score import Note, Part, Score
from music.time import Meter, MeterChange, Tick
from tests.model.random_networks import random_network
from tests.model.scores import any_scores
from tests.model.test_generate import BAR_TICKS, Overheard, tune

SHAPE = plain(Sampling())


def fill(engine: TorchEngine, score: Score, machines: int, first: int, end: int, seed: int = 0) -> Score:
    order = Filling.of(score, machines=machines, first=Tick(first), end=Tick(end), capacity=engine.capacity)
    return order.whole(run_together(engine, [order.write(engine, SHAPE, seed)], at_once=1)[0])


def engine(context: int = 256) -> TorchEngine:
    return TorchEngine(random_network(Sharing.ROUTED, context=context), threads=1, max_sequences=2)


@given(any_scores, st.integers(0, 3), st.integers(1, 2), st.integers(0, 9), st.data())
@settings(max_examples=15)
def test_what_is_given_stays_and_the_new_notes_are_the_machines_within_the_bars(
    score: Score, bar: int, bars: int, seed: int, data: st.DataObject
) -> None:
    machines = data.draw(st.integers(1, len(score.parts)))
    first, end = bar * BAR_TICKS, (bar + bars) * BAR_TICKS
    shared = engine()
    after = fill(shared, score, machines, first, end, seed)
    stays = [note for note in score.notes if note.part >= machines or not first <= note.onset < end]
    added = list(after.notes)
    for note in stays:
        added.remove(note)
    assert all(note.part < machines and first <= note.onset < end for note in added)
    assert [on_grid(note) for note in added] == added
    assert replace(after, notes=()) == replace(score, notes=())
    assert shared.kv_bytes == 0


def test_a_full_context_begins_again_with_the_last_bars_and_leaves_no_bar_out() -> None:
    score = replace(tune(20), parts=(Part(0), Part(33)))
    after = fill(engine(context=160), score, 1, 0, 20 * BAR_TICKS)
    new = [note for note in after.notes if note.part == 0]
    assert [note for note in after.notes if note.part == 1] == [note for note in score.notes if note.part == 1]
    bars = {note.onset // BAR_TICKS for note in new}
    assert len(bars) > 15  # it may rest
    assert max(bars) > 17
    assert len({(note.onset, note.pitch) for note in new}) == len(new)


def test_a_bar_that_is_too_thick_for_the_context_is_passed() -> None:
    thick = [Note(Tick(at), 1, pitch, 70, 10) for at in range(0, BAR_TICKS, 120) for pitch in range(20, 100, 4)]
    later = [Note(Tick(3 * BAR_TICKS), 1, 60, 70, 480)]
    after = fill(engine(context=128), Score((Part(0), Part(1)), (*thick, *later)), 1, 0, 4 * BAR_TICKS)
    assert {note.onset // BAR_TICKS for note in after.notes if note.part == 0} >= {2, 3}


def test_meters_that_change_are_told_at_their_bar_lines() -> None:
    class Told(Overheard):
        def run(self, work: Sequence[tuple[TorchSequence, Step]]) -> list[Drawn]:
            told.extend(token for _, step in work for token in step.append)
            return super().run(work)

    told = list[int]()
    meters = (MeterChange(Tick(0), Meter()), MeterChange(Tick(BAR_TICKS), Meter(3, 4)))
    fill(Told(context=512), replace(tune(1, meters=meters), notes=()), 2, 0, BAR_TICKS + 2 * 1440)
    assert [token for token in told if token in METER][:2] == [METER[meter_index(Meter(n, 4))] for n in (4, 3)]


def test_progress_is_told_for_every_bar() -> None:
    told = list[int]()
    shared = engine(context=512)
    order = Filling.of(tune(4), machines=1, first=Tick(0), end=Tick(4 * BAR_TICKS), capacity=512)
    run_together(shared, [order.write(shared, SHAPE, 0, lambda: told.append(1))], at_once=1)
    assert len(told) == 4


def test_the_same_seed_writes_the_same_and_another_does_not() -> None:
    one, two, other = (fill(engine(), tune(4), 1, BAR_TICKS, 3 * BAR_TICKS, seed) for seed in (3, 3, 4))
    assert one == two
    assert one != other


@given(any_scores, st.integers(0, 2**16 - 1))
@settings(max_examples=20)
def test_the_order_of_parts_is_taken_back(score: Score, machine: int) -> None:
    ordered, order = machine_first(score, machine)
    machines = sum(machine >> part & 1 for part in range(len(score.parts)))
    assert all(machine >> part & 1 for part in order[:machines])
    assert as_before(ordered, order) == replace(score, notes=tuple(sorted(score.notes)))


def test_an_engine_too_small_is_refused() -> None:
    with pytest.raises(BadSetting, match="expected an engine that holds 128 tokens, got 96"):
        fill(engine(context=96), tune(1), 1, 0, BAR_TICKS)
