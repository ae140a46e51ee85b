"""Rates, intervals and tests are scipy's; agreement is Krippendorff's."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from model.evaluation.preference import Preference, agreement, binomial_p, clopper_pearson


@given(st.integers(1, 300).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
def test_interval_and_test_are_the_exact_ones(counts: tuple[int, int]) -> None:
    hits, of = counts
    theirs = binomtest(hits, of)
    exact = theirs.proportion_ci(method="exact")
    ours = clopper_pearson(hits, of)
    assert (ours.value, ours.low, ours.high) == pytest.approx((hits / of, exact.low, exact.high), abs=1e-9)
    assert binomial_p(hits, of) == pytest.approx(theirs.pvalue, rel=1e-9)


def test_who_hears_no_difference_prefers_nobody() -> None:
    found = Preference.of(["a", "a", None, "b", None])
    assert (found.a, found.b, found.neither) == (2, 1, 2)
    assert found.rate.value == pytest.approx(2 / 3)


def test_nobodys_answers_say_nothing() -> None:
    found = Preference.of([None])
    assert math.isnan(found.rate.value)
    assert found.p == 1


def test_agreement_is_as_krippendorff_computes_it() -> None:
    """The example of names of his paper of 2011: four judges, twelve units, alpha 0.743."""
    judges = [
        "1 2 3 3 2 1 4 1 2 * * *",
        "1 2 3 3 2 2 4 1 2 5 * 3",
        "* 3 3 3 2 3 4 2 2 5 1 *",
        "1 2 3 3 2 4 4 1 2 5 1 *",
    ]
    chosen = [
        (unit, judge, value)
        for judge, row in enumerate(judges)
        for unit, value in enumerate(row.split())
        if value != "*"
    ]
    assert agreement(chosen)[1] == pytest.approx(0.743, abs=0.0005)


def test_perfect_agreement_and_none() -> None:
    share, alpha = agreement([(1, "x", "a"), (1, "y", "a"), (2, "x", "b"), (2, "y", "b")])
    assert (share, alpha) == (1, 1)
    share, alpha = agreement([(1, "x", "a"), (1, "y", "b"), (2, "x", "b"), (2, "y", "a")])
    assert share == 0
    assert alpha < 0


def test_one_listener_agrees_with_nobody() -> None:
    assert all(map(math.isnan, agreement([(1, "x", "a"), (2, "x", "b")])))
