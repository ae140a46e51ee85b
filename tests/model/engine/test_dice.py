"""Numbers that depend on seed and position alone, and look like chance."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from model.engine.dice import uniform

seeds = st.integers(-(2**70), 2**70)


@given(seeds, st.integers(0, 2**40))
def test_a_number_lies_from_0_to_below_1_and_comes_again(seed: int, position: int) -> None:
    number = uniform(seed, position)
    assert 0 <= number < 1
    assert uniform(seed, position) == number


@given(seeds, st.integers(0, 2**40))
def test_neighbours_in_seed_and_position_differ(seed: int, position: int) -> None:
    around = {uniform(seed + s, position + p) for s in (0, 1, 2) for p in (0, 1, 2)}
    assert len(around) == 9


@given(seeds, st.integers(0, 2**40))
def test_throws_at_one_position_differ_and_the_first_is_the_usual_one(seed: int, position: int) -> None:
    throws = [uniform(seed, position, throw) for throw in range(5)]
    assert throws[0] == uniform(seed, position)
    assert len(set(throws)) == 5


def test_numbers_fall_evenly_along_positions_and_along_seeds() -> None:
    count = range(20_000)
    for numbers in ([uniform(7, p) for p in count], [uniform(s, 7) for s in count], [uniform(7, 7, t) for t in count]):
        counts = Counter(int(number * 50) for number in numbers)
        assert chisquare([counts[i] for i in range(50)]).pvalue > 0.001


def test_one_number_says_nothing_of_the_next() -> None:
    pairs = Counter((int(uniform(3, p) * 8), int(uniform(3, p + 1) * 8)) for p in range(30_000))
    assert chisquare([pairs[a, b] for a in range(8) for b in range(8)]).pvalue > 0.001
