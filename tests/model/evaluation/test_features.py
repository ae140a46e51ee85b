"""The 13 measures on notes that can be counted by hand."""

import numpy as np
import pytest

from model.evaluation.features import MEASURES, SEGMENTS, used_pitch_classes
from tests.model.evaluation.made_passages import beat, passage, together

# 120 bpm: a quarter is half a second, the passage 2 s.
TUNE = passage((0, 60, 1), (1, 64, 0.5), (1.5, 72, 0.5), (2, 60, 2))


def measured(name: str) -> list[float]:
    return list(MEASURES[name](TUNE))


def test_there_are_thirteen_measures() -> None:
    assert len(MEASURES) == 13


def test_counts_and_ranges() -> None:
    assert measured("PC") == [3]
    assert list(used_pitch_classes(TUNE)) == [2]
    assert measured("NC") == [4]
    assert measured("PR") == [12]
    assert measured("PI") == [pytest.approx((4 + 8 + 12) / 3)]
    assert measured("IOI") == [pytest.approx((0.5 + 0.25 + 0.25) / 3)]


def test_the_pitch_class_histogram_weighs_velocity_and_length() -> None:
    histogram = measured("PCH")
    assert histogram[0] == pytest.approx(3.5 / 4)
    assert histogram[4] == pytest.approx(0.5 / 4)
    assert sum(histogram) == pytest.approx(1)


def test_transitions_go_from_where_a_note_ends_to_where_another_begins() -> None:
    matrix = np.array(measured("PCTM")).reshape(12, 12)
    assert (matrix[0, 4], matrix[4, 0], matrix[0, 0]) == (1, 1, 1)  # C-E, E-C, C-C
    assert matrix.sum() == 3
    # 50 ms is a tenth of a quarter here: a gap of 0.09 is a transition, one of 0.11 is not.
    near, far = passage((0, 60, 0.91), (1, 62, 1)), passage((0, 60, 0.89), (1, 62, 1))
    assert (MEASURES["PCTM"](near).sum(), MEASURES["PCTM"](far).sum()) == (1, 0)


def test_lengths_fall_into_the_nearest_of_twelve_classes() -> None:
    histogram = measured("NLH")  # a half, a quarter, two eighths: classes 1, 2, 3
    assert histogram[:4] == [0, 0.25, 0.25, 0.5]
    matrix = np.array(measured("NLTM")).reshape(12, 12)
    assert (matrix[2, 3], matrix[3, 3], matrix[3, 1]) == (1, 1, 1)
    assert matrix.sum() == 3


def test_segments_are_equal_stretches_of_time() -> None:
    counts = np.array(measured("NC/seg"))
    assert counts.shape == (SEGMENTS,)
    assert list(np.nonzero(counts)[0]) == [0, 16, 24, 32]
    assert MEASURES["PCH/seg"](TUNE).shape == (SEGMENTS * 12,)
    assert MEASURES["PCH/seg"](TUNE)[16 * 12 + 4] == 1


def test_drums_count_as_notes_and_onsets_but_not_as_pitches() -> None:
    both = together(TUNE, beat())
    assert MEASURES["NC"](both) == [8]
    for name in ("PC", "PCH", "PCTM", "PR", "PI", "PC/seg"):
        assert list(MEASURES[name](both)) == measured(name)


def test_silence_is_zero_everywhere() -> None:
    for measure in MEASURES.values():
        assert not measure(passage()).any()
