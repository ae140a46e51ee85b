"""Held-out NLL of a network, in all and per attribute, on fixed crops: one of every validation piece."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from model.networks.decoder import Decoder
from model.tokens.vocabulary import ATTRIBUTE_OF, DURATION, Attribute
from model.training.corpus import Corpus
from model.training.crops import plain_crop

Validation = tuple[tuple[int, ...], ...]  # crops, each of at most the asked length


@dataclass(frozen=True, slots=True)
class Nll:
    """Nats. Every note ends in a duration, so notes are counted by those."""

    total: float
    tokens: int
    notes: int
    by_attribute: dict[str, float]  # per token of that attribute

    @property
    def per_token(self) -> float:
        return self.total / self.tokens

    @property
    def per_note(self) -> float:
        return self.total / self.notes


def validation_crops(corpus: Corpus, *, length: int, most: int | None = None, seed: int = 7) -> Validation:
    """One crop of each validation piece, evenly thinned to at most `most`."""
    pieces = corpus.split("valid").pieces
    if most is not None:
        pieces = pieces[:: max(1, -(-len(pieces) // most))]
    rng = np.random.default_rng(seed)
    crops = [tuple(plain_crop(piece, length + 1, rng)) for piece in pieces]
    return tuple(crop for crop in crops if len(crop) > 16)


def validate(network: Decoder, crops: Validation) -> Nll:
    return tally(crops, [token_nll(network, crop) for crop in crops])


def tally(crops: Validation, losses: Sequence[np.ndarray[tuple[int], np.dtype[np.float64]]]) -> Nll:
    """losses: for each crop the NLL of all its tokens but the first."""
    targets = np.concatenate([np.array(crop[1:]) for crop in crops])
    loss = np.concatenate(losses)
    attribute = np.array(ATTRIBUTE_OF)[targets]
    notes = int(((targets >= DURATION.start) & (targets < DURATION.stop)).sum())
    by_attribute = {a.name.lower(): float(loss[attribute == a].mean()) for a in Attribute if (attribute == a).any()}
    return Nll(float(loss.sum()), len(targets), notes, by_attribute)


@torch.inference_mode()
def token_nll(network: Decoder, crop: Sequence[int]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    network.eval()
    tokens = torch.tensor([crop], device=network.embedding.weight.device)
    logits = network(tokens[:, :-1])[0].float()
    return functional.cross_entropy(logits, tokens[0, 1:], reduction="none").double().cpu().numpy()
