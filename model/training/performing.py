"""The lesson of performances: expressive solo piano in the tokens of PerceiverS, cut as a segmentation says."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
import torch
from torch import Tensor

from model.networks.perceiver import Perceiver, PerceiverConfig
from model.tokens.performance import END, OFF, SHIFT, VELOCITY_WIDTH, performed
from model.training.ahead import Batch
from model.training.continuing import next_token_loss
from model.training.corpus import Corpus, Piece
from model.training.encoding import Tokens
from model.training.segments import Crop, Segmentation, Sizes, crop, ends
from model.training.strokes import tokens_of
from model.training.variation import Rng
from music.errors import BadSetting
from music.score import Note, Part, Score
from music.time import Tick

PIANOS = range(0, 8)  # programs
EXPRESSIVE = 8  # different loudnesses at least: fewer were not played
TRANSPOSE = range(-6, 6)  # semitones, as far as all keys stay on the keyboard


def performances(corpus: Corpus) -> list[Tokens]:
    """Of all pieces for piano alone that somebody played: an end, which stands before a piece, then the piece."""
    return [np.append(END, _from_its_first_key(score_of(piece))) for piece in corpus.pieces if _fits(piece)]


def longer_than(length: int, pieces: Iterable[Tokens], split: str) -> list[Tokens]:
    """Raises BadSetting where none of that split is."""
    found = [tokens for tokens in pieces if len(tokens) > length]
    if not found:
        raise BadSetting(f"expected expressive piano of more than {length} tokens in {split}, got none")
    return found


@dataclass(frozen=True, slots=True)
class Performances:
    """What is learned from and what it is judged by. Made once for many lessons: it takes a minute."""

    train: Sequence[Tokens]
    valid: Sequence[Tokens]

    @classmethod
    def of(cls, corpus: Corpus) -> "Performances":
        return cls(performances(corpus.split("train")), performances(corpus.split("valid")))


def _from_its_first_key(score: Score) -> Tokens:
    """Without the rest that a file begins with: who learns it begins with seconds of silence, too."""
    tokens = tokens_of(performed(score))
    return tokens[int(np.argmin(np.isin(tokens, SHIFT))) :]


def score_of(piece: Piece) -> Score:
    notes = tuple(Note(Tick(int(n[0])), *(int(x) for x in n[1:])) for n in piece.notes)
    return Score(tuple(Part(program) for program in piece.programs), notes, piece.tempos, piece.meters)


def transposed(tokens: Tokens, by: int) -> Tokens:
    """By so many semitones, or as it was where that would leave the keyboard."""
    is_key = tokens < SHIFT.start
    pitch = tokens[is_key] % OFF.start
    if not len(pitch) or pitch.min() + by < 0 or pitch.max() + by >= OFF.start:
        return tokens
    return tokens + by * is_key


class PerformanceCrops:
    """Implements Sampler. A row is a crop's inputs, its targets, and how many inputs are padding."""

    def __init__(self, pieces: list[Tokens], latents: int, how: Segmentation, seed: int) -> None:
        self._pieces, self._latents, self._how, self._seed = pieces, latents, how, seed
        lengths = np.array([len(piece) for piece in pieces])
        self._up_to = lengths.cumsum() / lengths.sum()
        self._in_turn = cache(partial(in_turn, pieces, how))

    def batch(self, number: int, size: int, length: int) -> Batch:
        rng, sizes = np.random.default_rng((self._seed, number)), Sizes(self._latents, max(length, self._latents))
        if self._how in (Segmentation.FULL_IN_TURN, Segmentation.EFFECTIVE_IN_TURN):
            places = self._in_turn(sizes)
            turns = (places[(number * size + i) % len(places)] for i in range(size))
            return np.stack([row_of(crop(piece, end, sizes)) for piece, end in turns])
        return np.stack([row_of(self._any(sizes, rng)) for _ in range(size)])

    def _any(self, sizes: Sizes, rng: Rng) -> Crop:
        piece = self._pieces[int(np.searchsorted(self._up_to, rng.random(), side="right"))]
        places = ends(self._how, len(piece), sizes)
        end = places[int(rng.integers(len(places)))]
        return crop(transposed(piece, int(rng.choice(TRANSPOSE))), end, sizes)


class Performing:
    """Implements Lesson."""

    def __init__(
        self,
        config: PerceiverConfig,
        pieces: Performances,
        *,
        context: int,
        how: Segmentation = Segmentation.EVEN,
        seed: int = 0,
        held_out: int = 24,
        start: Perceiver | None = None,
    ) -> None:
        """context: of the held-out crops; there are `held_out`. start: whose weights it begins with, not chance."""
        torch.manual_seed(seed)
        self.network = Perceiver(config)
        if start is not None:
            self.network.load_state_dict(start.state_dict())
        self.sampler = PerformanceCrops(longer_than(config.latents, pieces.train, "train"), config.latents, how, seed)
        self.settings = {"network": str(config), "seed": str(seed), "segmentation": how.value}
        self._held_out = held_out_crops(pieces.valid, Sizes(config.latents, context), held_out)

    def loss(self, rows: Tensor) -> Tensor:
        """rows: (B, context + latents + 1)"""
        latents = self.network.config.latents
        inputs, targets, pads = rows[:, : -latents - 1], rows[:, -latents - 1 : -1], rows[:, -1]
        return next_token_loss(self.network(inputs, latents=latents, pads=pads), targets)

    def asked(self, size: int, length: int) -> int:
        return size * self.network.config.latents

    @torch.inference_mode()
    def nll(self) -> float:
        self.network.eval()
        device = self.network.embedding.weight.device
        losses = [self.loss(torch.from_numpy(row_of(each))[None].to(device)).item() for each in self._held_out]
        weights = [int((each.targets >= 0).sum()) for each in self._held_out]
        return float(np.average(losses, weights=weights))


def held_out_crops(pieces: Iterable[Tokens], sizes: Sizes, most: int) -> list[Crop]:
    """Of the validation pieces, every token once, thinned evenly to at most `most` crops."""
    places = in_turn(longer_than(sizes.latents, pieces, "valid"), Segmentation.EFFECTIVE_IN_TURN, sizes)
    every = max(1, -(-len(places) // most))
    return [crop(piece, end, sizes) for piece, end in places[::every]]


def in_turn(pieces: list[Tokens], how: Segmentation, sizes: Sizes) -> list[tuple[Tokens, int]]:
    """Every place where a crop ends, crop behind crop and piece behind piece."""
    return [(piece, end) for piece in pieces for end in ends(how, len(piece), sizes)]


def row_of(each: Crop) -> Batch:
    return np.concatenate((each.inputs, each.targets, [each.pads]))


def _fits(piece: Piece) -> bool:
    loudnesses = np.unique(piece.notes[:, 3] // VELOCITY_WIDTH)
    return all(program in PIANOS for program in piece.programs) and len(loudnesses) >= EXPRESSIVE
