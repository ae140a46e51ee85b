"""How well a network predicts music it has not seen, beside three rivals that read the same training split.

Uniform: every token of the vocabulary alike. Unigram: as often as in training. 5-gram: Kneser-Ney.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.networks.decoder import Decoder
from model.tokens.vocabulary import VOCABULARY
from model.training.corpus import Corpus, Piece
from model.training.crops import plain_crop, whole_piece
from model.training.ngram import NGram
from model.training.validation import Nll, Validation, tally, token_nll

Losses = NDArray[np.float64]
NETWORK, FIVE_GRAM, UNIGRAM, UNIFORM = "network", "5-gram", "unigram", "uniform"


@dataclass(frozen=True, slots=True)
class Rivals:
    """What needs only to read."""

    ngram: NGram
    unigram: Losses  # (VOCABULARY,), nats

    @classmethod
    def reading(cls, tokens: NDArray[np.int64]) -> "Rivals":
        """tokens: (N,), the training split. A token that never came counts as if it had come once."""
        counts = np.bincount(tokens, minlength=VOCABULARY) + 1.0
        return cls(NGram(tokens), -np.log(counts / counts.sum()))


def held_out_crops(pieces: Sequence[Piece], *, length: int, most: int | None, seed: int = 7) -> Validation:
    """One crop of each piece as it stands, evenly thinned to at most `most`."""
    if most is not None:
        pieces = pieces[:: max(1, -(-len(pieces) // most))]
    rng = np.random.default_rng(seed)
    crops = [tuple(plain_crop(piece, length + 1, rng)) for piece in pieces]
    return tuple(crop for crop in crops if len(crop) > 16)


def compare(
    network: Decoder, rivals: Rivals, crops: Validation, progress: Callable[[], object] = lambda: None
) -> dict[str, Nll]:
    """By player, all on the same tokens."""
    losses: list[Losses] = []
    for crop in crops:
        losses.append(token_nll(network, crop))
        progress()
    by_player: dict[str, Sequence[Losses]] = {
        NETWORK: losses,
        FIVE_GRAM: [rivals.ngram.nll(crop) for crop in crops],
        UNIGRAM: [rivals.unigram[list(crop[1:])] for crop in crops],
        UNIFORM: [np.full(len(crop) - 1, np.log(VOCABULARY)) for crop in crops],
    }
    return {name: tally(crops, each) for name, each in by_player.items()}


def corpus_tokens(corpus: Corpus, progress: Callable[[], object] = lambda: None) -> NDArray[np.int64]:
    """Every piece whole, one after the other."""
    pieces = []
    for piece in corpus.pieces:
        pieces.append(whole_piece(piece).astype(np.int16))
        progress()
    return np.concatenate(pieces).astype(np.int64)
