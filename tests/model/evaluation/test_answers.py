"""A phrase is one player's; an answer is measured against it and against what really follows."""

import math

import pytest

from model.evaluation.answers import answer_fit, phrase_of
from model.evaluation.trials import Trial
from tests.model.evaluation.made_passages import beat, passage, together

LINE = passage(*((i * 1.0, 60 + (0, 2, 4, 5)[i % 4], 0.5) for i in range(16)), bars=4)
LONG = LINE.then(LINE)


def test_the_phrase_is_the_melody_alone() -> None:
    found = phrase_of(Trial(together(LINE, beat(bars=4)), together(LONG, beat(bars=8)), None, "made"))
    assert found is not None
    assert (found.prompt, found.truth, found.prompt.programs) == (LINE, LINE, (0,))
    assert phrase_of(Trial(LINE, LONG, None, "made")) is not None
    assert phrase_of(Trial(beat(bars=4), beat(bars=8), None, "made")) is None


def test_the_phrase_itself_is_a_perfect_answer() -> None:
    found = answer_fit(LINE, LINE, LINE)
    assert (found.in_scale, found.register, found.density, found.empty_bars) == (1, 0, 1, 0)
    assert (found.groove, found.nmsi) == pytest.approx((1, 100))


def test_a_strange_answer_is_told() -> None:
    found = answer_fit(passage((0, 73, 1), (2, 75, 1), bars=4), LINE, LINE)
    assert (found.in_scale, found.density, found.empty_bars) == (0, 0.125, 0.75)
    assert found.register == pytest.approx(74 - 62.75)
    assert math.isnan(answer_fit(passage(bars=4), LINE, LINE).register)
