"""The rivals are what their names say."""

from collections import Counter

from model.evaluation.suite.baselines import BASELINES, other_piece, prompt_repeated, random_order
from tests.model.evaluation.suite.made_set import made_prompts


def test_every_baseline_fits_in_the_truths_place_and_is_the_same_again() -> None:
    for play in BASELINES.values():
        played = play(made_prompts())
        assert played == play(made_prompts())
        for passage, prompt in zip(played, made_prompts(), strict=True):
            assert all(0 <= note.onset < note.end <= prompt.truth.ticks for note in passage.notes)
            assert all(note.part < len(passage.programs) for note in passage.notes)
            assert (passage.bars, passage.meter) == (prompt.truth.bars, prompt.truth.meter)


def test_the_prompt_comes_twice() -> None:
    for passage, prompt in zip(prompt_repeated(made_prompts()), made_prompts(), strict=True):
        assert passage.cut(0, 4).notes == passage.cut(4, 4).notes == prompt.prompt.notes


def test_the_other_piece_is_of_the_kind_and_another() -> None:
    truths = {prompt.truth.notes: prompt for prompt in made_prompts()}
    for passage, prompt in zip(other_piece(made_prompts()), made_prompts(), strict=True):
        other = truths[passage.notes]
        assert other.piece != prompt.piece
        assert other.place.kind == prompt.place.kind


def test_random_order_keeps_the_pitches_and_moves_them() -> None:
    for passage, prompt in zip(random_order(made_prompts()), made_prompts(), strict=True):
        pitches, own = (Counter((n.part, n.pitch) for n in each.notes) for each in (passage, prompt.truth))
        assert pitches <= own  # two notes may fall on one key at one moment
        assert pitches.total() > 0.8 * own.total()
        assert passage.notes != prompt.truth.notes
