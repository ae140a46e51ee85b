"""The lesson of words: all ways of writing see the same music in the same steps, each in its own words."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import torch
from torch import Tensor

from benchmarks.study.merging.music import whole_notes
from benchmarks.study.merging.plan import Run
from benchmarks.study.merging.words import Words
from model.networks.decoder import Decoder
from model.tokens.vocabulary import DURATION
from model.training.ahead import Batch
from model.training.continuing import next_token_loss
from model.training.corpus import Corpus
from model.training.crops import CropSampler
from model.training.segments import IGNORED
from model.training.validation import token_nll
from model.training.variation import PLAIN

AS_WRITTEN: Final = replace(PLAIN, no_style=0.5)  # nothing is transposed: merges were counted on music as it is


class Merged:
    """Implements Lesson."""

    def __init__(self, run: Run, words: Words, train: Corpus, watched: Sequence[Sequence[int]]) -> None:
        """watched: held-out music in tokens, for the curve."""
        torch.manual_seed(run.seed)
        self.network = tagged(Decoder(run.config), words)
        self.sampler = WordRows(CropSampler(train, variation=AS_WRITTEN, seed=run.seed), words)
        self.settings = {"run": str(run.identity)}
        self._watched = [(words.encode(crop), count_notes(crop)) for crop in watched]

    def loss(self, rows: Tensor) -> Tensor:
        """rows: (B, T + 1), filled up with IGNORED."""
        return next_token_loss(self.network(rows[:, :-1].clamp(min=0)), rows[:, 1:])

    def asked(self, size: int, length: int) -> int:
        """In tokens before merging: as much music for all."""
        return size * length

    def nll(self) -> float:
        """Nats per note, which words of any length can be compared by."""
        nats = sum(float(token_nll(self.network, crop).sum()) for crop, _ in self._watched)
        return nats / sum(notes for _, notes in self._watched)


class WordRows:
    """Rows of so many tokens' music, whole notes only, in words."""

    def __init__(self, crops: CropSampler, words: Words) -> None:
        self._crops, self._words = crops, words

    def batch(self, number: int, size: int, length: int) -> Batch:
        """(size, as many as the longest has); the others are filled up with IGNORED."""
        rows = [self._words.encode(whole_notes(row)) for row in self._crops.batch(number, size, length + 1)]
        filled = np.full((size, max(map(len, rows))), IGNORED)
        for row, words in zip(filled, rows, strict=True):
            row[: len(words)] = words
        return filled


def tagged(network: Decoder, words: Words) -> Decoder:
    """Attention learns of a word what it would of its last token. `mha` does not ask, but looks every word up."""
    last, tag = torch.tensor([tokens[-1] for tokens in words.tokens]), network.tag
    tag.attribute, tag.group, tag.in_header = tag.attribute[last], tag.group[last], tag.in_header[last]
    return network


def count_notes(tokens: Sequence[int]) -> int:
    """Every note ends in a duration."""
    return sum(token in DURATION for token in tokens)
