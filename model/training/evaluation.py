"""How well a network predicts music it has not seen, beside a 5-gram that read the whole training split."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.networks.decoder import Decoder
from model.training.corpus import Corpus, Piece
from model.training.crops import PLAIN, encode_crop
from model.training.ngram import NGram
from model.training.validation import Nll, Validation, tally, token_nll
from music.time import MeterMap, Tick


@dataclass(frozen=True, slots=True)
class Comparison:
    network: Nll
    ngram: Nll

    def table(self) -> str:
        """Markdown: nats per token and per note, in all and by attribute."""
        rows = [
            ("per note", self.network.per_note, self.ngram.per_note),
            ("per token", self.network.per_token, self.ngram.per_token),
            *((name, nll, self.ngram.by_attribute[name]) for name, nll in self.network.by_attribute.items()),
        ]
        lines = ["| NLL, nats | network | 5-gram | lower by |", "|---|---|---|---|"]
        lines += [f"| {name} | {ours:.3f} | {theirs:.3f} | {1 - ours / theirs:.1%} |" for name, ours, theirs in rows]
        return "\n".join(lines)


def compare(
    network: Decoder, ngram: NGram, crops: Validation, progress: Callable[[], object] = lambda: None
) -> Comparison:
    losses = []
    for crop in crops:
        losses.append(token_nll(network, crop))
        progress()
    return Comparison(tally(crops, losses), tally(crops, [ngram.nll(crop) for crop in crops]))


def corpus_tokens(corpus: Corpus, cache: Path, progress: Callable[[], object] = lambda: None) -> NDArray[np.int64]:
    """Every piece whole, one after the other; kept in `cache`, as encoding them takes minutes."""
    if not cache.exists():
        pieces = []
        for piece in corpus.pieces:
            pieces.append(np.array(whole_piece(piece), np.int16))
            progress()
        cache.parent.mkdir(parents=True, exist_ok=True)
        unfinished = cache.with_suffix(".new.npy")
        np.save(unfinished, np.concatenate(pieces))
        unfinished.replace(cache)
    tokens: NDArray[np.int64] = np.load(cache, allow_pickle=False).astype(np.int64)
    return tokens


def whole_piece(piece: Piece) -> list[int]:
    rng = np.random.default_rng(0)
    return encode_crop(piece, piece.notes.copy(), Tick(0), MeterMap(piece.meters), PLAIN, rng, whole=True)
