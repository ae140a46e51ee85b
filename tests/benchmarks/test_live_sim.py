"""A set on a virtual clock: real sessions, dice or a tiny network for an engine, and not a second of waiting."""

from itertools import pairwise
from typing import Any

import pytest

from benchmarks.live_listening import MODES, humans_bars, start_of
from benchmarks.live_pieces import Performance, performance_of
from benchmarks.live_sim import Set, simulate
from model.engine.torch_engine import TorchEngine
from model.engine.work import Drawn
from model.registry import load
from model.tokens.vocabulary import PART
from music.time import Tick
from streaming.messages import Mode
from tests.benchmarks.made_pieces import made_piece
from tests.server.fakes import FakeEngine

MS = 1_000_000


class Listener(FakeEngine):
    """Remembers what it was told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[int] = []

    def run(self, work: Any) -> list[Drawn]:
        self.told += [token for _, step in work for token in step.append]
        return super().run(work)


def performance() -> Performance:
    found = performance_of(made_piece())
    assert found is not None
    return found


def played(mode: Mode, *, step_ms: float = 1, is_deaf: bool = False, engine: Any = None, look_at: Any = ()) -> Set:
    engine = engine or FakeEngine()
    human = humans_bars(performance(), mode)
    start = start_of(performance(), mode, 3)
    price = round(step_ms * MS)
    return simulate(engine, start, human.notes, human.ticks, step_ns=price, is_deaf=is_deaf, look_at=look_at)


@pytest.mark.parametrize("mode", MODES)
def test_the_machine_plays_its_parts_in_order_in_every_mode(mode: Mode) -> None:
    found = played(mode)
    assert found.notes
    assert {note.part for note in found.notes} == {1}
    assert all(one.onset <= other.onset for one, other in pairwise(found.notes))
    assert all(note.end <= humans_bars(performance(), mode).ticks for note in found.notes)
    assert len(found.notes) + found.cancelled <= found.planned
    assert len(found.ages) == len(found.notes)
    assert min(found.ages) >= 0


def test_a_fixed_price_gives_the_same_set_again() -> None:
    assert played("duet") == played("duet")


def test_what_the_engine_computes_is_what_the_clock_goes_on_by() -> None:
    quick, slow = played("duet", step_ms=0.5), played("duet", step_ms=20)
    assert quick.engine_ns % (MS // 2) == 0
    assert quick.reaction_p50_ns is not None
    assert slow.reaction_p50_ns is not None
    assert slow.reaction_p50_ns > 8 * quick.reaction_p50_ns


def test_the_networks_own_time_counts_where_no_price_is_said() -> None:
    human = performance().human.cut(0, 1)
    engine = TorchEngine(load("tiny"), max_sequences=3)
    found = simulate(engine, start_of(performance(), "duet", 3), human.notes, human.ticks)
    assert found.engine_ns > 0
    assert found.planned


@pytest.mark.parametrize("mode", ["duet", "trade"])
def test_the_deaf_machine_plays_and_its_network_hears_no_human(mode: Mode) -> None:
    listening, deaf = Listener(), Listener()
    played(mode, engine=listening)
    assert played(mode, engine=deaf, is_deaf=True).planned
    assert listening.told.count(PART[1]) > 1
    assert deaf.told.count(PART[1]) == 1, "in the header alone"


def test_a_view_shows_what_is_promised_and_what_is_not() -> None:
    ats = [Tick(at) for at in range(3 * 1920, 4 * 1920, 160)]
    views = played("duet", look_at=ats).views
    assert [view.at for view in views] == ats
    assert any(view.tentative for view in views)
    assert any(view.committed for view in views)
    assert all(note.tick > view.at for view in views for note in view.tentative)
    assert all(note.tick < view.at + 300 for view in views for note in view.committed)
