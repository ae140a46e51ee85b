"""The lesson of the structured tokens: every token of a crop follows from those before it."""

import torch
from torch import Tensor
from torch.nn import functional

from model.networks.config import NetworkConfig
from model.networks.decoder import Decoder
from model.training.ahead import Batch
from model.training.corpus import Corpus
from model.training.crops import CropSampler
from model.training.segments import IGNORED
from model.training.validation import Validation, validate
from model.training.variation import Variation


class Continuing:
    """Implements Lesson."""

    def __init__(
        self,
        config: NetworkConfig,
        corpus: Corpus,
        validation: Validation,
        *,
        seed: int = 0,
        variation: Variation | None = None,
        start: Decoder | None = None,
    ) -> None:
        """start: whose weights it begins with, instead of chance."""
        torch.manual_seed(seed)
        self.network = Decoder(config)
        if start is not None:
            self.network.load_state_dict(start.state_dict())
        variation = Variation() if variation is None else variation
        self.sampler = Rows(CropSampler(corpus, variation=variation, seed=seed))
        self.settings = {"network": str(config), "seed": str(seed), "variation": str(variation)}
        self._validation = validation

    def loss(self, rows: Tensor) -> Tensor:
        """rows: (B, T + 1)"""
        return next_token_loss(self.network(rows[:, :-1]), rows[:, 1:])

    def asked(self, size: int, length: int) -> int:
        return size * length

    def nll(self) -> float:
        return validate(self.network, self._validation).per_token


class Rows:
    """Crops with one token more: what the last one leads to."""

    def __init__(self, crops: CropSampler) -> None:
        self._crops = crops

    def batch(self, number: int, size: int, length: int) -> Batch:
        return self._crops.batch(number, size, length + 1)


def next_token_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean NLL in nats. logits: (B, T, V), targets: (B, T), IGNORED where nothing is asked."""
    return functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), ignore_index=IGNORED)
