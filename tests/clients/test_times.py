"""Percentiles as users read them."""

from hypothesis import given
from hypothesis import strategies as st

from clients.times import KEPT, Times, percentile


def test_nothing_timed_is_zero() -> None:
    assert Times().summary_ms() == {"p50_ms": 0.0, "p95_ms": 0.0, "p99_ms": 0.0, "max_ms": 0.0, "count": 0}


def test_a_hundred_times_are_summed_up_in_milliseconds() -> None:
    times = Times()
    for ms in range(100):
        times.add(ms * 1_000_000)
    assert times.summary_ms() == {"p50_ms": 50.0, "p95_ms": 95.0, "p99_ms": 99.0, "max_ms": 99.0, "count": 100}


@given(st.lists(st.integers(), min_size=1), st.floats(0, 1))
def test_a_percentile_is_one_of_the_values_with_its_share_below(values: list[int], share: float) -> None:
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9


def test_the_newest_hundred_are_told_apart_from_the_rest() -> None:
    times = Times([900_000_000] * 1000)
    assert times.newest_p95_ms() == 900
    for ms in range(100):
        times.add(ms * 1_000_000)
    assert times.newest_p95_ms() == 95
    assert Times().newest_p95_ms() == 0


def test_memory_is_bounded() -> None:
    times = Times()
    for nanos in range(KEPT + 10):
        times.add(nanos)
    assert len(times) == KEPT
