"""Keys down, keys up, time: what goes in comes out, exact on the grid, and no tokens are nonsense."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from model.tokens.grammar import Ranges
from model.tokens.performance import (
    END,
    OFF,
    ON,
    SHIFT,
    SIZE,
    STEP_TICKS,
    VELOCITY,
    Performance,
    PerformanceEncoder,
    advance,
    allowed,
    decode_performance,
    encode_performance,
    performed,
)
from model.training.strokes import tokens_of
from music.score import DRUMS, Note, Part, Score
from music.time import Tempo, Tick
from tests.strategies import scores

any_tokens = st.lists(st.integers(0, SIZE - 2), max_size=200)


def is_in(ranges: Ranges, token: int) -> bool:
    return any(start <= token < stop for start, stop in ranges)


def test_the_blocks_lie_one_after_the_other() -> None:
    blocks = (ON, OFF, SHIFT, VELOCITY, range(END, SIZE))
    assert blocks[0].start == 0
    assert all(before.stop == after.start for before, after in pairwise(blocks))
    assert [len(block) for block in blocks] == [128, 128, 100, 32, 1]


def test_a_note_in_tokens() -> None:
    encoder = PerformanceEncoder()
    assert encoder.down(0, 60, 65) == [VELOCITY[16], ON[60]]
    assert encoder.up(150, 60) == [SHIFT[99], SHIFT[49], OFF[60]]
    assert encoder.down(150, 62, 64) == [ON[62]]  # as loud as the last
    assert encoder.down(151, 62, 64) == [SHIFT[0], OFF[62], ON[62]]  # a key that is down comes up first


@given(scores(max_parts=3))
def test_what_was_played_is_read_again(score: Score) -> None:
    notes = performed(score)
    assert list(decode_performance(encode_performance(notes)).notes) == notes


@given(scores(max_parts=3))
def test_a_whole_piece_at_once_is_the_same(score: Score) -> None:
    notes = performed(score)
    assert tokens_of(notes).tolist() == encode_performance(notes)


@given(scores(max_parts=3))
def test_every_token_that_is_written_is_allowed_where_it_stands(score: Score) -> None:
    state = Performance()
    for token in encode_performance(performed(score)):
        assert is_in(allowed(state), token)
        state = advance(state, token)


@given(any_tokens)
def test_any_tokens_are_music_that_can_be_written(tokens: list[int]) -> None:
    notes = list(decode_performance(tokens).notes)
    assert list(decode_performance(encode_performance(notes)).notes) == notes
    assert performed(decode_performance(tokens)) == notes


@given(any_tokens)
def test_only_silent_keys_go_down_and_only_sounding_ones_come_up(tokens: list[int]) -> None:
    state = Performance()
    for token in tokens:
        state = advance(state, token)
    ranges = allowed(state)
    for pitch in ON:
        knows_velocity = state.velocity is not None
        assert is_in(ranges, ON[pitch]) == (knows_velocity and pitch not in state.sounding)
        is_heard = pitch in state.sounding and state.sounding[pitch][0] < state.step
        assert is_in(ranges, OFF[pitch]) == (is_heard and not state.is_striking)


def test_real_time_is_what_counts_and_drums_do_not() -> None:
    notes = (Note(Tick(480), 0, 60, 80, 240), Note(Tick(480), 1, 36, 80, 240))
    score = Score((Part(0), Part(DRUMS)), notes, (Tempo.from_bpm(60),))
    assert performed(score) == [Note(Tick(1000), 0, 60, 82, 500)]


def test_a_key_struck_while_it_sounds_ends_its_older_note() -> None:
    notes = (Note(Tick(0), 0, 60, 80, 900), Note(Tick(100), 0, 60, 80, 50), Note(Tick(100), 1, 60, 80, 70))
    heard = performed(Score((Part(0), Part(40)), notes, (Tempo.from_bpm(125),)))
    assert [(note.onset, note.duration) for note in heard] == [(0, 100), (100, 70)]


def test_the_shortest_note_is_one_step() -> None:
    (note,) = performed(Score((Part(0),), (Note(Tick(0), 0, 60, 80, 1),), (Tempo.from_bpm(125),)))
    assert note.duration == STEP_TICKS
