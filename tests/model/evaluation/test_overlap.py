"""Distances, overlap and divergence as scipy has them; the traps of mgeval."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.spatial.distance import cdist
from scipy.stats import entropy, gaussian_kde

from model.evaluation.overlap import closeness, distances

RNG = np.random.default_rng(0)
NARROW, WIDE = RNG.gamma(2, 1, 600), RNG.gamma(2.5, 1.2, 800)


def mgeval_overlap(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    p, q = gaussian_kde(a), gaussian_kde(b)
    low, high = min(a.min(), b.min()), max(a.max(), b.max())
    area: float = quad(lambda x: min(p(x)[0], q(x)[0]), low, high, limit=200, epsabs=1e-6)[0]
    return area


def test_distances_are_scipys_and_exactly_zero_between_equals() -> None:
    one, other = RNG.normal(size=(7, 5)), RNG.normal(size=(4, 5))
    assert distances(one, other) == pytest.approx(cdist(one, other))
    assert (np.diag(distances(1000 * one, 1000 * one)) == 0).all()


@pytest.mark.parametrize(("a", "b"), [(NARROW, WIDE), (NARROW, NARROW + 3), (NARROW, 0.1 * NARROW)])
def test_overlap_and_divergences_are_those_of_scipy(a: NDArray[np.float64], b: NDArray[np.float64]) -> None:
    found, p, q = closeness(a, b), gaussian_kde(a), gaussian_kde(b)
    assert found.overlap_area == pytest.approx(mgeval_overlap(a, b), abs=2e-3)
    own = p(np.linspace(a.min(), a.max(), 1000)), q(np.linspace(b.min(), b.max(), 1000))
    assert found.kld_legacy == pytest.approx(entropy(*own), rel=0.02, abs=1e-3)
    grid = np.linspace(min(a.min(), b.min()), max(a.max(), b.max()), 1000)
    if (q(grid) > 1e-280).all():
        assert found.kld == pytest.approx(entropy(p(grid), q(grid)), rel=0.02, abs=1e-3)


def test_overlap_is_symmetric() -> None:
    assert closeness(NARROW, WIDE).overlap_area == pytest.approx(closeness(WIDE, NARROW).overlap_area)


def test_a_set_beside_itself_has_no_tails_so_just_below_one() -> None:
    found = closeness(NARROW, NARROW)
    assert 0.97 < found.overlap_area < 1
    assert (found.kld, found.kld_legacy) == pytest.approx((0, 0), abs=1e-12)


def test_the_legacy_divergence_is_blind_to_scale_and_the_common_one_is_not() -> None:
    found = closeness(NARROW, 3 * NARROW)
    assert found.kld_legacy == pytest.approx(0, abs=1e-3)
    assert found.kld > 0.1


def test_constant_measures_overlap_wholly_or_not_at_all() -> None:
    assert closeness(np.zeros(5), np.zeros(9)).overlap_area == 1
    assert closeness(np.zeros(5), np.ones(9)).overlap_area == 0
    assert closeness(np.zeros(5), NARROW).overlap_area == 0
    assert np.isnan(closeness(np.zeros(5), NARROW).kld)
