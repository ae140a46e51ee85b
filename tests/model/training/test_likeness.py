"""The same music is found in any key and setting; other music is not."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from model.training.likeness import IDIOM, alike, content_hash, windows
from music.score import DRUMS, Note, Part, Score
from music.time import Tick
from tests.model.training.tunes import piece_of, tune


@given(st.integers(0, 50), st.integers(-30, 30), st.integers(0, 5))
def test_notes_are_the_same_in_any_key_at_any_place_and_loudness(seed: int, key: int, bars: int) -> None:
    moved = [replace(n, onset=Tick(n.onset + 1920 * bars), velocity=33) for n in tune(seed, key=key).notes]
    assert content_hash(piece_of(Score((Part(5),), tuple(moved)))) == content_hash(piece_of(tune(seed)))
    assert content_hash(piece_of(tune(seed))) != content_hash(piece_of(tune(seed + 1)))


def test_drums_have_no_key() -> None:
    low, high = (
        Score((Part(DRUMS),), tuple(Note(Tick(480 * i), 0, pitch, 90, 60) for i in range(16))) for pitch in (36, 38)
    )
    assert content_hash(piece_of(low)) != content_hash(piece_of(high))
    assert not len(windows(piece_of(low)))


def test_a_melody_is_known_again_in_another_key_over_a_bass_and_with_a_new_ending() -> None:
    plain, other = tune(1), tune(1, key=4, bass=True)
    shortened = replace(other, notes=tuple(n for n in other.notes if n.onset < 240 * 60))
    pieces = [piece_of(score) for score in (plain, shortened, tune(2), tune(3, bass=True))]
    pairs = alike([windows(piece) for piece in pieces], ["a", "b", "c", "d"])
    assert list(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)) == [(0, 1)]
    assert pairs.share[0] > 0.6
    assert pairs.overlap[0] < pairs.share[0]


def test_what_many_families_share_is_an_idiom_and_what_one_family_shares_is_not() -> None:
    prints = [windows(piece_of(tune(1)))] * (IDIOM + 1)
    assert not len(alike(prints, [str(i) for i in range(IDIOM + 1)]).first)
    within = alike(prints, ["same"] * (IDIOM + 1))
    assert len(within.first) == (IDIOM + 1) * IDIOM // 2
    assert np.all(within.overlap == 1)


def test_repeated_notes_and_scales_are_in_every_piece_and_count_for_nothing() -> None:
    scale = Score((Part(0),), tuple(Note(Tick(240 * i), 0, 40 + i, 80, 240) for i in range(40)))
    assert not len(windows(piece_of(scale)))


def test_nothing_is_alike_among_no_pieces() -> None:
    assert not len(alike([], []).first)
    assert not len(alike([np.zeros(0, np.uint64)], ["a"]).first)
