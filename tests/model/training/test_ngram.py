"""The 5-gram is a probability, counts as Kneser and Ney do, and learns."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.tokens.vocabulary import VOCABULARY
from model.training.ngram import DISCOUNT, NGram


@given(st.lists(st.integers(0, 9), min_size=6, max_size=60), st.lists(st.integers(0, 11), min_size=1, max_size=5))
def test_probabilities_of_all_next_tokens_sum_to_one(tokens: list[int], context: list[int]) -> None:
    ngram = NGram(np.array(tokens), order=4)
    total = sum(math.exp(-ngram.nll([*context, token])[-1]) for token in range(VOCABULARY))
    assert total == pytest.approx(1)


def test_a_bigram_worked_by_hand() -> None:
    # Bigrams of a b a b a c: ab 2, ba 2, ac 1. Tokens by what they follow: a after b, b and c after a: 1 each of 3.
    ngram = NGram(np.array([0, 1, 0, 1, 0, 2]), order=2)
    lower = (1 - DISCOUNT) / 3 + DISCOUNT * 3 / 3 / VOCABULARY
    expected = (2 - DISCOUNT) / 3 + DISCOUNT * 2 / 3 * lower
    assert math.exp(-ngram.nll([0, 1])[0]) == pytest.approx(expected)


def test_a_repeated_pattern_is_predicted_far_better_than_chance() -> None:
    pattern = np.tile([3, 1, 4, 1, 5, 9, 2, 6], 50)
    assert NGram(pattern).nll(pattern[:40].tolist())[8:].mean() < 0.3
    noise = np.random.default_rng(0).integers(0, 8, 4000)
    assert NGram(noise).nll(np.random.default_rng(1).integers(0, 8, 400).tolist()).mean() > 2.0
