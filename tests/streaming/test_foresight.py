"""What was decided in time is counted by the sixteenth, once."""

from hypothesis import given
from hypothesis import strategies as st

from music.time import Tick
from streaming.foresight import SIXTEENTH, Foresight
from streaming.messages import Start
from tests.streaming.live_set import live_set
from tests.streaming.test_modes import steady


def counted(*passes: tuple[int, int, int, int]) -> tuple[int, int]:
    foresight = Foresight()
    for now, begin, end, decided_to in passes:
        foresight.pass_to(Tick(now), begin, end, decided_to)
    return foresight.decided, foresight.undecided


def test_before_anything_is_counted_all_was_in_time() -> None:
    assert Foresight().in_time_share == 1.0


def test_a_sixteenth_that_the_plan_reaches_is_decided_and_the_next_is_not() -> None:
    assert counted((0, 0, 10_000, 0), (4 * SIXTEENTH, 0, 10_000, 2 * SIXTEENTH + 1)) == (2, 3)


def test_outside_a_turn_nothing_is_counted() -> None:
    assert counted((20 * SIXTEENTH, 4 * SIXTEENTH, 6 * SIXTEENTH, 10_000)) == (2, 0)
    assert counted((20 * SIXTEENTH, 0, 0, 10_000)) == (0, 0)


@given(st.lists(st.integers(0, 5000), max_size=20), st.integers(0, 3000), st.integers(0, 3000))
def test_however_often_it_is_asked_each_sixteenth_counts_once(times: list[int], begin: int, length: int) -> None:
    steps = [(now, begin, begin + length, 2**40) for now in sorted(times)]
    assert counted(*steps) == counted(*steps[-1:])


def test_a_fast_engine_decides_all_in_time_and_a_slow_one_does_not() -> None:
    shares = []
    for cost in (0, 60):
        played = live_set(Start(mode="duet"), ticks_per_token=cost, seed=2)
        played.play(steady(0, 8 * 1920), until=8 * 1920)
        shares.append(played.session.in_time_share)
    assert shares[0] == 1.0
    assert shares[1] < 0.9


def test_a_turn_that_is_written_to_its_end_goes_on_counting() -> None:
    played = live_set(Start(mode="trade", trade_bars=1), seed=5)
    played.play(steady(0, 1920), until=4 * 1920)
    assert played.session._machine.foresight.decided == 16
    assert played.session.in_time_share == 1.0
