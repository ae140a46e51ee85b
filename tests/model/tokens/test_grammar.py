"""Whatever is drawn from what is allowed is music."""

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.tokens.codec import Header, decode, encode_score, read_state
from model.tokens.grammar import (
    ALL_PARTS,
    ALL_PITCHES,
    BadToken,
    Limits,
    State,
    advance,
    allowed,
    checked_advance,
    is_allowed,
    runs,
)
from model.tokens.vocabulary import (
    BAR,
    BLOCK_OF,
    BLOCKS,
    DURATION,
    END,
    METER,
    PART,
    PITCH,
    POSITION,
    STYLE,
    TICKS_PER_STEP,
    VELOCITY,
    VOCABULARY,
    token_name,
)
from music.score import Score
from music.time import Meter
from tests.model.scores import any_scores

masks = st.one_of(st.just(ALL_PARTS), st.just(0), st.integers(0, ALL_PARTS))
limits = st.builds(
    Limits,
    parts=masks,
    earliest=st.integers(0, 800),
    latest=st.one_of(st.none(), st.integers(0, 1600)),
    may_end=st.booleans(),
    joining=st.one_of(st.just(0), st.just(ALL_PARTS), st.integers(0, ALL_PARTS)),
    pitches=st.one_of(st.none(), st.tuples(*[st.integers(1, ALL_PITCHES)] * 16)),
)
headers = st.builds(
    Header,
    programs=st.dictionaries(st.integers(0, 15), st.integers(0, 128), min_size=1, max_size=16),
    meter=st.sampled_from([Meter(), Meter(3, 4), Meter(1, 16), Meter(16, 8)]),
)


def draw_any(state: State, bounds: Limits, chance: random.Random) -> int:
    """Any allowed token: all kinds alike, so that walks have many bars and many notes."""
    ranges = allowed(state, bounds)
    assert ranges, f"nothing may follow {state}"
    assert all(start < stop for start, stop in ranges)
    assert all(a[1] <= b[0] for a, b in pairwise(ranges))
    return chance.randrange(*chance.choice(ranges))


@given(headers, st.lists(limits, min_size=1, max_size=40), st.randoms(use_true_random=True))
def test_any_walk_is_well_formed_music(header: Header, bounds: list[Limits], chance: random.Random) -> None:
    tokens = header.tokens()
    state = read_state(tokens)
    for i in range(250):
        token = draw_any(state, bounds[i * len(bounds) // 250], chance)
        assert is_allowed(state, token)
        state = advance(state, token)
        tokens.append(token)
        if token in END:
            assert allowed(state) == ()
            break
    music = decode(tokens)
    keys = [(note.onset, note.part, note.pitch) for note in music.notes]
    assert keys == sorted(set(keys))
    assert all(state.header_parts >> note.part & 1 and note.velocity and note.duration for note in music.notes)
    assert len(music.notes) == sum(token in DURATION for token in tokens)


@given(headers, st.lists(limits, min_size=1, max_size=40), st.randoms(use_true_random=True))
def test_notes_keep_within_the_limits_that_hold_when_they_begin(
    header: Header, bounds: list[Limits], chance: random.Random
) -> None:
    state = read_state([*header.tokens(), BAR[0]])
    mine = sum(1 << part for part in header.programs)
    for i in range(250):
        bound = bounds[i * len(bounds) // 250]
        token = draw_any(state, bound, chance)
        after = advance(state, token)
        if token in POSITION:
            assert mine & bound.parts, "a position where nobody may play"
            assert bound.earliest <= after.step
            assert bound.latest is None or after.step <= bound.latest
        elif token in PART and (mine & bound.parts or state.last is DURATION):
            assert bound.parts >> after.part & 1
            assert state.last is POSITION or (state.step >= bound.earliest and bound.joining >> token - PART.start & 1)
        elif token in PITCH and bound.pitches and bound.pitches[state.part] >> state.pitch + 1:
            assert bound.pitches[state.part] >> after.pitch & 1
        elif token in END or token in METER:
            assert bound.may_end
            break
        state = after


@given(st.integers(0, ALL_PITCHES))
def test_the_runs_of_a_mask_are_its_ones(mask: int) -> None:
    assert sum(1 << bit for first, stop in runs(mask) for bit in range(first, stop)) == mask
    assert all(a[1] < b[0] for a, b in pairwise(runs(mask)))


@given(any_scores)
def test_trusting_and_checking_come_to_the_same_state(score: Score) -> None:
    trusting = checking = State()
    for token in encode_score(score):
        trusting, checking = advance(trusting, token), checked_advance(checking, token)
        assert trusting == checking


@given(any_scores, st.integers(0, 10**6), st.integers(0, VOCABULARY - 1))
def test_a_token_is_refused_exactly_when_it_is_not_allowed(score: Score, cut: int, token: int) -> None:
    tokens = encode_score(score)
    state = read_state(tokens[: cut % (len(tokens) + 1)])
    if is_allowed(state, token):
        assert checked_advance(state, token) == advance(state, token)
    else:
        with pytest.raises(BadToken, match=f"got {token_name(token)}$"):
            checked_advance(state, token)


def test_nothing_follows_the_end() -> None:
    state = read_state([*Header(programs={0: 0}).tokens(), BAR[0], END[0]])
    assert allowed(state) == ()
    with pytest.raises(BadToken, match="expected nothing after the end, got bar"):
        checked_advance(state, BAR[0])


def test_a_header_needs_a_meter_and_may_have_a_style() -> None:
    state = advance(State(), 0)
    assert is_allowed(state, STYLE[0])
    assert is_allowed(state, METER[0])
    assert not is_allowed(advance(state, STYLE[0]), STYLE[0])


def test_in_a_chord_pitches_rise_and_parts_do_too() -> None:
    opening = [*Header(programs={0: 0, 2: 5}).tokens(), BAR[0], POSITION[0]]
    state = read_state([*opening, PART[0], PITCH[127], VELOCITY[9], DURATION[5]])
    assert not is_allowed(state, PART[0])  # no pitch is left above
    assert not is_allowed(state, PART[1])  # nobody plays it
    state = advance(state, PART[2])
    assert is_allowed(state, PITCH[0])
    state = read_state([*opening, PART[2], PITCH[60], VELOCITY[9], DURATION[5]])
    assert not is_allowed(state, PART[0])
    assert not is_allowed(advance(state, PART[2]), PITCH[60])
    assert is_allowed(advance(state, PART[2]), PITCH[61])


def test_what_may_follow_a_finished_note_is_one_slice_of_the_vocabulary() -> None:
    state = read_state(
        [*Header(programs={0: 0}).tokens(), BAR[0], POSITION[0], PART[0], PITCH[60], VELOCITY[9], DURATION[5]]
    )
    ranges = allowed(state)
    hull = range(ranges[0][0], ranges[-1][1])
    assert {BLOCK_OF[token].name for token in hull} == {"end", "bar", "position", "part"}


def test_the_blocks_cover_the_vocabulary_without_gap_or_overlap() -> None:
    edges = [(block.start, block.stop) for block in BLOCKS.values()]
    assert edges[0][0] == 0
    assert edges[-1][1] == VOCABULARY == len(BLOCK_OF)
    assert all(a[1] == b[0] for a, b in pairwise(edges))


def test_a_block_names_a_value_that_it_lacks() -> None:
    with pytest.raises(ValueError, match="expected a pitch of 0 to 127, got 128"):
        PITCH[128]


def test_a_step_is_a_whole_number_of_ticks() -> None:
    assert TICKS_PER_STEP * 48 == 480
