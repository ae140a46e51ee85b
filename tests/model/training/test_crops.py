"""Training examples are well-formed music behind a header, varied only where they may be."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.tokens.codec import decode, encode_score, read_state
from model.tokens.vocabulary import BAR, BEGIN, END, PITCH
from model.training.crops import PLAIN, CropSampler, Variation, crop, plain_crop
from music.score import DRUMS
from tests.model.training.made_corpus import made_corpus, scale_score

CORPUS = made_corpus()
ALWAYS = Variation(drop_parts=1, trade=1)


@given(st.integers(0, 2**32), st.integers(20, 400))
def test_every_crop_is_allowed_by_the_grammar(seed: int, length: int) -> None:
    rng = np.random.default_rng(seed)
    piece = CORPUS.pieces[seed % len(CORPUS.pieces)]
    tokens = crop(piece, length, Variation(), rng)
    read_state(tokens)
    assert tokens[0] in BEGIN
    assert any(token in BAR for token in tokens)


def test_a_plain_crop_of_a_whole_piece_is_the_piece() -> None:
    piece = replace(CORPUS.pieces[0], notes=CORPUS.pieces[0].notes[:16])
    rng = np.random.default_rng(0)
    crops = {tuple(plain_crop(piece, 4000, rng)) for _ in range(30)}
    expected = scale_score(4)
    whole = encode_score(replace(expected, notes=expected.notes[:16]), style=piece.style)
    assert tuple(whole) in crops


def test_batches_have_exactly_the_length_asked_for() -> None:
    sampler = CropSampler(CORPUS, length=257, variation=Variation(), seed=1)
    batch = sampler.batch(6)
    assert batch.shape == (6, 257)
    assert (batch[:, 0] == BEGIN[0]).all()
    assert (batch == END[0]).any(), "short pieces end inside the window"


def test_the_same_seed_gives_the_same_batches() -> None:
    first, second, other = (
        CropSampler(CORPUS, length=100, variation=Variation(), seed=seed).batch(4) for seed in (3, 3, 4)
    )
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_transposition_moves_every_note_alike_but_no_drum() -> None:
    piece = CORPUS.pieces[0]
    variation = replace(PLAIN, transpose=(3, 3))
    score = decode(crop(piece, 4000, variation, np.random.default_rng(0)))
    drums = {i for i, part in enumerate(score.parts) if part.program == DRUMS}
    assert {note.pitch for note in score.notes if note.part in drums} == {36}
    melody = {note.pitch for note in score.notes if note.part not in drums}
    assert melody <= {pitch + 3 for pitch in (60, 62, 64, 65, 67, 69, 71, 72)}
    assert len(melody) > 4


def test_trading_hands_a_part_back_and_forth_and_loses_no_note() -> None:
    piece = CORPUS.pieces[7]
    variation = replace(PLAIN, trade=1)
    for seed in range(12):
        plain = decode(crop(piece, 4000, PLAIN, np.random.default_rng(seed)))
        traded = decode(crop(piece, 4000, variation, np.random.default_rng(seed)))
        assert len(traded.parts) == len(plain.parts) + 1
        assert Counter((n.onset, n.pitch) for n in traded.notes) == Counter((n.onset, n.pitch) for n in plain.notes)
        partner = len(traded.parts) - 1
        assert traded.parts[partner].program in {part.program for part in plain.parts}


def test_dropped_parts_leave_header_and_notes_together() -> None:
    for seed in range(20):
        tokens = crop(CORPUS.pieces[2], 300, replace(PLAIN, drop_parts=1), np.random.default_rng(seed))
        score = decode(tokens)
        assert score.notes
        assert {note.part for note in score.notes} <= set(range(len(score.parts)))


def test_a_source_with_more_weight_is_drawn_more_often(monkeypatch: pytest.MonkeyPatch) -> None:
    high = replace(CORPUS.pieces[0], source="high", notes=CORPUS.pieces[0].notes + np.array([0, 0, 40, 0, 0]))
    both = replace(CORPUS, pieces=(CORPUS.pieces[0], high))
    monkeypatch.setattr("model.training.crops.SOURCE_WEIGHT", {"high": 9.0})
    batch = CropSampler(both, length=64, variation=PLAIN, seed=0).batch(200)
    is_high = ((batch >= PITCH[100]) & (batch < PITCH.stop)).any(axis=1)
    assert 0.8 < is_high.mean() < 0.99
