"""Rivals and network are scored on the same tokens, and each is what it says it is."""

import numpy as np
import pytest

from model.evaluation.prediction import (
    FIVE_GRAM,
    NETWORK,
    UNIFORM,
    UNIGRAM,
    Rivals,
    compare,
    corpus_tokens,
    held_out_crops,
)
from model.networks.config import PRESETS
from model.networks.decoder import Decoder
from model.tokens.vocabulary import VOCABULARY
from model.training.validation import validation_crops
from tests.model.training.made_corpus import made_corpus

CORPUS = made_corpus()
CROPS = held_out_crops(CORPUS.split("valid").pieces, length=128, most=None)


def test_the_players_are_told_apart_on_the_same_tokens() -> None:
    train = CORPUS.split("train")
    tokens = corpus_tokens(train)
    found = compare(Decoder(PRESETS["tiny"]), Rivals.reading(tokens), CROPS)
    assert len({(nll.tokens, nll.notes) for nll in found.values()}) == 1
    assert found[UNIFORM].per_token == pytest.approx(np.log(VOCABULARY))
    assert found[FIVE_GRAM].per_token < 1 < found[UNIGRAM].per_token < found[UNIFORM].per_token
    assert found[FIVE_GRAM].per_token < found[NETWORK].per_token


def test_the_unigram_counts_tokens_and_one_more_of_each() -> None:
    rivals = Rivals.reading(np.array([3, 3, 3, 5, 5, 0, 1, 2]))
    assert rivals.unigram[3] == pytest.approx(-np.log(4 / (8 + VOCABULARY)))
    assert np.exp(-rivals.unigram).sum() == pytest.approx(1)


def test_the_crops_are_those_of_training_s_validation() -> None:
    assert validation_crops(CORPUS, length=128) == CROPS
    assert len(held_out_crops(CORPUS.split("train").pieces, length=64, most=3)) == 3
