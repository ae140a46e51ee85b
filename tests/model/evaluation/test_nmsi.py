"""Each likeness is worked by hand; a passage is wholly like itself."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.evaluation.nmsi import (
    chroma_similarity,
    compare_passages,
    density_distance,
    groove_similarity,
    structure_distance,
)
from model.evaluation.passage import Passage
from tests.model.evaluation.made_passages import beat, passage

notes = st.tuples(st.sampled_from([0.0, 0.5, 1.0, 2.25, 3.0, 5.5]), st.integers(48, 72), st.sampled_from([0.25, 1.0]))
passages = st.lists(notes, max_size=8).map(lambda listed: passage(*listed, bars=2))


@given(passages, passages)
@settings(max_examples=40)
def test_likeness_is_symmetric_bounded_and_100_with_oneself(one: Passage, other: Passage) -> None:
    there, back = compare_passages(one, other), compare_passages(other, one)
    assert there.nmsi == pytest.approx(back.nmsi)
    assert 0 <= there.nmsi <= 100 + 1e-9
    assert compare_passages(one, one).nmsi == pytest.approx(100)


def test_chroma_is_the_mean_cosine_of_pitch_classes_in_each_two_beats() -> None:
    # First two beats: C, E against C: cosine 1/sqrt(2). Last two: silence against silence, 1.
    assert chroma_similarity(passage((0, 60, 1), (1, 64, 1)), passage((0, 72, 1))) == pytest.approx(
        (1 / math.sqrt(2) + 1) / 2
    )
    # A silence and a sound are not alike.
    assert chroma_similarity(passage((0, 60, 1)), passage((2, 60, 1))) == 0


def test_drums_have_no_chroma_but_a_groove() -> None:
    assert chroma_similarity(beat(), passage()) == 1
    assert groove_similarity(beat(), passage()) == 0


def test_groove_is_the_mean_cosine_of_onsets_in_each_bar() -> None:
    one = passage((0, 60, 1), (2, 60, 1), (4, 60, 1), bars=2)
    other = passage((0, 48, 1), (4.01, 50, 1), bars=2)  # a little late is still on the beat
    assert groove_similarity(one, other) == pytest.approx((1 / math.sqrt(2) + 1) / 2)


def test_structure_compares_what_repeats_not_what_is_played() -> None:
    assert structure_distance(passage((0, 60, 2), (2, 62, 2)), passage((0, 65, 2), (2, 70, 2))) == pytest.approx(0)
    # C then D against C throughout: half of the two matrices' entries differ, by 1.
    assert structure_distance(passage((0, 60, 2), (2, 62, 2)), passage((0, 60, 4))) == pytest.approx(0.5)


def test_density_is_the_difference_against_the_larger() -> None:
    # Half of the time 2 against 1, half of the time silence in both.
    assert density_distance(passage((0, 60, 2), (0, 64, 2)), passage((0, 60, 2))) == pytest.approx(0.25)
    assert density_distance(passage((0, 60, 4)), passage()) == 1


def test_the_whole_is_the_mean_of_the_four() -> None:
    found = compare_passages(passage((0, 60, 2), (2, 62, 2)), passage((0, 60, 4)))
    parts = (found.chroma, found.groove, found.structure, found.density)
    assert parts == pytest.approx((0.5, 1 / math.sqrt(2), 0.5, 1))
    assert found.nmsi == pytest.approx(25 * sum(parts))


def test_passages_of_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="alike"):
        compare_passages(passage(bars=1), passage(bars=2))
