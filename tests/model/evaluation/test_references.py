"""The floor, the rival and the ceiling are what they say."""

import pytest

from model.evaluation.passage import Passage
from model.evaluation.references import (
    MACHINE,
    OTHER_PIECE,
    PROMPT_REPEATED,
    SAME_PIECE,
    compare_continuations,
    others,
    repeated,
)
from model.evaluation.trials import Trial
from music.time import Meter
from tests.model.evaluation.made_passages import passage


def trial(pitch: int, *, meter: Meter | None = None, later: bool = True) -> Trial:
    def line(bars: int, base: int) -> Passage:
        return passage(*((i * 1.0, base + i % 3, 1.0) for i in range(bars * 3)), bars=bars, meter=meter or Meter(3, 4))

    return Trial(line(1, pitch), line(2, pitch), line(2, pitch + 1) if later else None, "made")


def test_the_prompt_is_repeated_up_to_the_bars_asked_for() -> None:
    prompt = passage((0, 60, 1), (4, 62, 1), bars=2)
    assert [note.pitch for note in repeated(prompt, 3).notes] == [60, 62, 60]
    assert repeated(prompt, 3).bars == 3


def test_another_piece_is_the_next_in_the_same_meter() -> None:
    trials = [trial(60), trial(62, meter=Meter()), trial(64)]
    assert others(trials) == [trials[2], None, trials[0]]


def test_every_reference_is_compared_with_the_truth() -> None:
    trials = [trial(60), trial(66, later=False)]
    found = compare_continuations(trials, [each.truth for each in trials])
    assert found[MACHINE].figures["nmsi"].value == pytest.approx(100)
    assert found[PROMPT_REPEATED].figures["nmsi"].value == pytest.approx(100)  # these pieces repeat their first bar
    assert found[OTHER_PIECE].figures["chroma"].value < 0.5
    assert (found[OTHER_PIECE].trials, found[SAME_PIECE].trials) == (2, 1)
