"""Entropy and scales, by hand and against scipy."""

import math

import numpy as np
import pytest
from scipy.stats import entropy

from model.evaluation.tonality import pitch_class_counts, pitch_class_entropy, scale_consistency, share_in_scale_of
from tests.model.evaluation.made_passages import beat, passage


def test_entropy_is_in_bits_and_blind_to_octaves_and_lengths() -> None:
    assert pitch_class_entropy(passage((0, 60, 1), (1, 72, 3))) == 0
    assert pitch_class_entropy(passage((0, 60, 1), (1, 64, 3))) == 1
    assert pitch_class_entropy(passage(*((i / 4, 60 + i, 0.1) for i in range(12)))) == pytest.approx(math.log2(12))


def test_entropy_is_scipys() -> None:
    rng = np.random.default_rng(0)
    made = passage(*((i / 8, int(p), 0.1) for i, p in enumerate(rng.integers(40, 80, 30))))
    assert pitch_class_entropy(made) == pytest.approx(entropy(pitch_class_counts(made), base=2))


def test_scale_consistency_takes_the_best_of_all_scales() -> None:
    d_major = (62, 64, 66, 67, 69, 71, 73)
    assert scale_consistency(passage(*((i / 4, p, 0.2) for i, p in enumerate(d_major)))) == 1
    assert scale_consistency(passage(*((i / 4, 60 + i, 0.2) for i in range(12)))) == pytest.approx(7 / 12)


def test_a_scale_can_be_anothers() -> None:
    c_major = passage(*((i / 2, p, 0.2) for i, p in enumerate((60, 62, 64, 65, 67, 69, 71))))
    assert share_in_scale_of(passage((0, 60, 1), (1, 61, 1), (2, 62, 1), (3, 63, 1)), c_major) == 0.5


def test_drums_and_silence_have_no_tonality() -> None:
    for empty in (beat(), passage()):
        assert math.isnan(pitch_class_entropy(empty))
        assert math.isnan(scale_consistency(empty))
