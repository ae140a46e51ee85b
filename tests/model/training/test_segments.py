"""What is asked, and how often."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.training.segments import IGNORED, Segmentation, Sizes, asked, coverage, crop, ends

SIZES = Sizes(latents=3, context=5)

small_sizes = st.integers(1, 6).flatmap(lambda n: st.builds(Sizes, st.just(n), st.integers(n, 12)))


def test_where_crops_of_ten_tokens_end() -> None:
    found = {how: list(ends(how, 10, SIZES)) for how in Segmentation}
    assert found[Segmentation.FULL] == [6, 7, 8, 9, 10]
    assert found[Segmentation.FULL_IN_TURN] == [6]
    assert found[Segmentation.EFFECTIVE] == [4, 5, 6, 7, 8, 9, 10]
    assert found[Segmentation.EFFECTIVE_IN_TURN] == [4, 7, 10]
    assert found[Segmentation.EVEN] == [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]


def test_a_crop_in_the_middle_of_a_piece() -> None:
    cut = crop(range(100, 110), 8, SIZES)
    assert cut.inputs.tolist() == [102, 103, 104, 105, 106]
    assert (cut.pads, cut.targets.tolist()) == (0, [105, 106, 107])


def test_near_the_beginning_the_front_is_padded() -> None:
    cut = crop(range(100, 110), 5, SIZES)
    assert cut.inputs.tolist() == [0, 100, 101, 102, 103]
    assert (cut.pads, cut.targets.tolist()) == (1, [102, 103, 104])


def test_a_crop_with_fewer_targets_than_latents_asks_only_for_those() -> None:
    first = crop(range(100, 110), 2, SIZES)
    assert (first.inputs.tolist(), first.pads) == ([0, 0, 100, 101, 102], 2)
    assert first.targets.tolist() == [101, IGNORED, IGNORED]
    last = crop(range(100, 110), 12, SIZES)
    assert last.inputs.tolist() == [104, 105, 106, 107, 108]
    assert last.targets.tolist() == [IGNORED, IGNORED, 109]


def test_the_baseline_never_asks_for_the_beginning() -> None:
    found = coverage(Segmentation.FULL, 40, SIZES)
    assert found[:3].tolist() == [0, 0, 0]
    assert found[3] > 0


def test_effective_segmentation_asks_for_the_first_tokens_less() -> None:
    found = coverage(Segmentation.EFFECTIVE, 40, SIZES)
    assert found[1:5].tolist() == pytest.approx([1 / 37, 2 / 37, 3 / 37, 3 / 37])
    assert found[-2:].tolist() == pytest.approx([2 / 37, 1 / 37])


def test_in_turn_every_token_is_asked_for_once() -> None:
    places = ends(Segmentation.EFFECTIVE_IN_TURN, 40, SIZES)
    assert [place for end in places for place in asked(end, 40, SIZES)] == list(range(1, 40))


@given(st.integers(2, 60), small_sizes)
def test_even_asks_for_every_token_as_often(length: int, sizes: Sizes) -> None:
    found = coverage(Segmentation.EVEN, length, sizes)
    assert found[0] == 0
    assert np.ptp(found[1:]) < 1e-12


@given(st.sampled_from(Segmentation), st.integers(2, 60), small_sizes)
def test_a_crop_asks_for_what_it_says(how: Segmentation, length: int, sizes: Sizes) -> None:
    tokens = range(1000, 1000 + length)
    for end in ends(how, length, sizes):
        cut = crop(tokens, end, sizes)
        there = cut.targets != IGNORED
        assert (cut.targets[there] - 1000).tolist() == list(asked(end, length, sizes))
        newest = cut.inputs[-sizes.latents :]
        assert (cut.targets[there] == newest[there] + 1).all()  # each follows its own latent
        assert cut.pads <= sizes.context - min(sizes.latents, length - 1)
