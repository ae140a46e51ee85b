"""What a word is made of, and which words music uses."""

import pytest

from benchmarks.study.merging.anatomy import anatomy, crosses_notes, crosses_onsets, crosses_parts, readable
from benchmarks.study.merging.words import Scope, Words, unmerged
from model.tokens.vocabulary import BAR, DURATION, PART, PITCH, POSITION, VELOCITY, VOCABULARY
from tests.benchmarks.study.merging.made_music import made_words

P, Q, X, V, D, B, T = PART[0], PART[1], PITCH[60], VELOCITY[5], DURATION[3], BAR[0], POSITION[24]


@pytest.mark.parametrize(
    ("word", "notes", "onsets", "parts"),
    [
        ((X, V), False, False, False),
        ((P, X, V, D), False, False, False),
        ((B, T, P), False, False, False),
        ((V, D, P), True, False, False),
        ((P, X, V, D, Q), True, False, True),
        ((D, T), False, True, False),
        ((D, B), False, True, False),
        ((D, T, P), True, True, False),
        ((T, P, X, V, D, T), False, True, False),
    ],
)
def test_how_far_a_word_reaches(word: tuple[int, ...], notes: bool, onsets: bool, parts: bool) -> None:
    assert (crosses_notes(word), crosses_onsets(word), crosses_parts(word)) == (notes, onsets, parts)


def test_words_are_read_by_people() -> None:
    assert readable((X, V)) == "pitch 60 + velocity 5"


def test_words_that_music_never_uses_are_not_used() -> None:
    words = made_words(Scope.NOTE)
    last = len(words.tokens) - 1
    found = anatomy(words, [[last, last, VOCABULARY], [0]])
    assert found["merged"] == len(words.tokens) - VOCABULARY
    assert found["used"] == pytest.approx(2 / found["merged"], abs=1e-4)
    assert found["often"][0] == [readable(words.tokens[last]), 2]
    assert (found["crossing_notes"], found["crossing_parts"]) == (0, 0)


def test_without_merges_there_is_nothing_to_tell() -> None:
    found = anatomy(Words(unmerged(), 0), [[1, 2]])
    assert (found["merged"], found["used"], found["often"]) == (0, 0, [])
