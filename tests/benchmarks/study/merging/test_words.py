"""Music in words is the same music, and words reach no further than they may."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.study.merging.anatomy import crosses_notes, crosses_onsets
from benchmarks.study.merging.words import Scope, Words, learn, unmerged
from model.tokens.vocabulary import (
    BAR,
    BEGIN,
    DURATION,
    IN_HEADER,
    PART,
    PITCH,
    POSITION,
    STYLE,
    TEMPO,
    VELOCITY,
    VOCABULARY,
)
from model.training.crops import whole_piece
from tests.benchmarks.study.merging.made_music import made_corpus, made_words

PIECE = whole_piece(made_corpus().pieces[1]).tolist()
NOTE = [PART[0], PITCH[60], VELOCITY[20], DURATION[23]]


@pytest.mark.parametrize("scope", Scope)
@given(tokens=st.lists(st.integers(0, VOCABULARY - 1), max_size=80), start=st.integers(0, len(PIECE) - 1))
def test_whatever_is_encoded_is_decoded_exactly(scope: Scope, tokens: list[int], start: int) -> None:
    words = made_words(scope)
    music = PIECE[start:] + tokens + PIECE[:start]
    assert words.decode(words.encode(music)) == music


@pytest.mark.parametrize("scope", Scope)
def test_words_make_music_shorter_and_a_wider_scope_is_at_least_as_short(scope: Scope) -> None:
    narrower = {Scope.NOTE: None, Scope.ONSET: Scope.NOTE, Scope.EVERYTHING: Scope.NOTE}[scope]
    before = PIECE if narrower is None else made_words(narrower).encode(PIECE)
    assert len(made_words(scope).encode(PIECE)) < len(before)


def test_no_merges_leave_every_token_its_id() -> None:
    words = Words(unmerged(), 0)
    assert words.encode(PIECE) == PIECE
    assert words.tokens == tuple((token,) for token in range(VOCABULARY))


@pytest.mark.parametrize("scope", Scope)
def test_no_word_of_a_header_is_merged(scope: Scope) -> None:
    header = [BEGIN[0], STYLE[1], TEMPO[3]]
    words = Words(learn([header * 50], scope, 10), 10)
    assert len(words.tokens) == VOCABULARY
    assert not any(IN_HEADER[token] for word in made_words(scope).tokens[VOCABULARY:] for token in word)


def test_within_a_note_nothing_but_the_rest_of_it_is_merged() -> None:
    merged = made_words(Scope.NOTE).tokens[VOCABULARY:]
    assert merged
    assert not any(map(crosses_notes, merged))
    assert not any(token in POSITION or token in BAR for word in merged for token in word)


def test_within_an_onset_notes_are_merged_but_not_with_a_later_moment() -> None:
    merged = made_words(Scope.ONSET).tokens[VOCABULARY:]
    assert any(map(crosses_notes, merged))
    assert not any(map(crosses_onsets, merged))
    assert not any(token in BAR for word in merged for token in word)


def test_across_everything_a_word_holds_two_onsets() -> None:
    merged = made_words(Scope.EVERYTHING).tokens[VOCABULARY:]
    assert any(map(crosses_onsets, merged))


def test_a_smaller_vocabulary_is_the_beginning_of_a_larger_one() -> None:
    rows = [whole_piece(piece).tolist() for piece in made_corpus().split("train").pieces]
    large, small = (learn(rows, Scope.EVERYTHING, merges) for merges in (60, 25))
    short, same = Words(large, 25), Words(small, 25)
    assert short.tokens == same.tokens == Words(large, 60).tokens[: VOCABULARY + 25]
    assert short.encode(PIECE) == same.encode(PIECE)


def test_words_that_begin_with_something_begin_with_it() -> None:
    words = Words(learn([[BEGIN[0], BAR[0], POSITION[0], *NOTE] * 9], Scope.EVERYTHING, 20), 20)
    found = [words.tokens[word] for word in words.beginning([BAR[0]])]
    assert (BAR[0],) in found
    assert len(found) > 1
    assert {word[0] for word in found} == {BAR[0]}
