"""Small decoders with random weights large enough that every path through them shows in the logits."""

import random
from dataclasses import replace

import torch

from model.networks.config import NetworkConfig, Sharing
from model.networks.decoder import Decoder
from model.tokens.vocabulary import VOCABULARY

SMALL = NetworkConfig(layers=2, width=64, heads=8, head_size=16, hidden=128, context=96, window=4)


def random_network(sharing: Sharing = Sharing.ROUTED, *, context: int = SMALL.context, seed: int = 0) -> Decoder:
    network = Decoder(replace(SMALL, sharing=sharing, context=context))
    dice = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if parameter.dim() > 1:
                spread = 1.0 if name.endswith("leaning") else 0.25
                parameter.copy_(torch.randn(parameter.shape, generator=dice) * spread)
    return network.eval().requires_grad_(False)


def random_tokens(count: int, seed: int = 1) -> list[int]:
    """Ids in any order: a network asks for no grammar."""
    return random.Random(seed).choices(range(VOCABULARY), k=count)
