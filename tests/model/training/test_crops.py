"""Training examples are well-formed music behind a header, varied only where they may be."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.tokens.codec import decode, encode_score, read_state
from model.tokens.vocabulary import BAR, BEGIN, END, PITCH
from model.training.ahead import Ahead
from model.training.crops import CropSampler, crop, plain_crop
from model.training.variation import PLAIN, Variation
from music.score import DRUMS
from tests.model.training.made_corpus import made_corpus, scale_score

CORPUS = made_corpus()
ALWAYS = Variation(drop_parts=1, trade=1, rest=1, jitter=1)


@given(st.integers(0, 2**32), st.integers(20, 400))
def test_every_crop_is_allowed_by_the_grammar(seed: int, length: int) -> None:
    rng = np.random.default_rng(seed)
    piece = CORPUS.pieces[seed % len(CORPUS.pieces)]
    tokens = crop(piece, length, ALWAYS if seed % 2 else Variation(), rng).tolist()
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
    sampler = CropSampler(CORPUS, variation=Variation(), seed=1)
    batch = sampler.batch(0, 6, 257)
    assert batch.shape == (6, 257)
    assert (batch[:, 0] == BEGIN[0]).all()
    assert (batch == END[0]).any(), "short pieces end inside the window"


def test_the_same_seed_gives_the_same_batches() -> None:
    first, second, other = (
        CropSampler(CORPUS, variation=Variation(), seed=seed).batch(7, 4, 100) for seed in (3, 3, 4)
    )
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_a_batch_depends_on_its_number_alone_whatever_was_drawn_before() -> None:
    sampler = CropSampler(CORPUS, variation=Variation(), seed=3)
    batches = [sampler.batch(number, 4, 100) for number in range(3)]
    assert np.array_equal(sampler.batch(1, 4, 100), batches[1])
    assert not np.array_equal(batches[1], batches[2])


@pytest.mark.parametrize("processes", [0, 2])
def test_batches_drawn_ahead_are_the_sampler_s_own_whatever_is_asked_for(processes: int) -> None:
    sampler = CropSampler(CORPUS, variation=Variation(), seed=3)
    ahead = Ahead(sampler, processes)
    try:
        for asked in ((0, 4, 100), (1, 4, 100), (2, 4, 100), (3, 2, 50), (4, 2, 50), (0, 4, 100)):
            assert np.array_equal(ahead.batch(*asked), sampler.batch(*asked))
    finally:
        ahead.close()


def test_transposition_moves_every_note_alike_but_no_drum() -> None:
    piece = CORPUS.pieces[0]
    variation = replace(PLAIN, transpose=(3, 3))
    score = decode(crop(piece, 4000, variation, np.random.default_rng(0)).tolist())
    drums = {i for i, part in enumerate(score.parts) if part.program == DRUMS}
    assert {note.pitch for note in score.notes if note.part in drums} == {36}
    melody = {note.pitch for note in score.notes if note.part not in drums}
    assert melody <= {pitch + 3 for pitch in (60, 62, 64, 65, 67, 69, 71, 72)}
    assert len(melody) > 4


def test_trading_hands_a_part_back_and_forth_and_loses_no_note() -> None:
    piece = CORPUS.pieces[7]
    variation = replace(PLAIN, trade=1)
    for seed in range(12):
        plain = decode(plain_crop(piece, 4000, np.random.default_rng(seed)))
        traded = decode(crop(piece, 4000, variation, np.random.default_rng(seed)).tolist())
        partner = len(traded.parts) - 1
        alone = partner == 1
        assert alone or partner == len(plain.parts)
        assert traded.parts[partner].program == 0
        kept = [n for n in plain.notes if not alone or n.part == 0]
        assert Counter((n.onset, n.pitch) for n in traded.notes) == Counter((n.onset, n.pitch) for n in kept)


def test_dropped_parts_leave_header_and_notes_together() -> None:
    for seed in range(20):
        tokens = crop(CORPUS.pieces[2], 300, replace(PLAIN, drop_parts=1), np.random.default_rng(seed))
        score = decode(tokens.tolist())
        assert score.notes
        assert {note.part for note in score.notes} <= set(range(len(score.parts)))


def test_a_source_with_more_weight_is_drawn_more_often(monkeypatch: pytest.MonkeyPatch) -> None:
    high = replace(CORPUS.pieces[0], source="high", notes=CORPUS.pieces[0].notes + np.array([0, 0, 40, 0, 0]))
    both = replace(CORPUS, pieces=(CORPUS.pieces[0], high))
    monkeypatch.setattr("model.training.crops.SOURCE_WEIGHT", {"high": 9.0})
    batch = CropSampler(both, variation=PLAIN, seed=0).batch(0, 200, 64)
    is_high = ((batch >= PITCH[100]) & (batch < PITCH.stop)).any(axis=1)
    assert 0.8 < is_high.mean() < 0.99
