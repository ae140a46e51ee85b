"""Values in buckets."""

from hypothesis import given
from hypothesis import strategies as st

from server.histogram import MARGINS, TIMES, Histogram


@given(st.lists(st.integers(-(10**9), 10**10)), st.sampled_from([TIMES, MARGINS]))
def test_each_bound_counts_what_is_at_most_it(values: list[int], bounds: tuple[int, ...]) -> None:
    histogram = Histogram(bounds)
    for value in values:
        histogram.add(value)
    counted = histogram.counted()
    assert counted.at_most == tuple(sum(value <= bound for value in values) for bound in bounds)
    assert (counted.seen, counted.total) == (len(values), sum(values))


def test_the_finest_bucket_for_times_is_half_a_millisecond() -> None:
    assert TIMES[0] == 500_000
