"""Small PerceiverS with random weights large enough that every path through them shows in the logits."""

from dataclasses import replace
from typing import Any

import torch

from model.networks.perceiver import PRESETS, Perceiver

TINY = PRESETS["perceivers-tiny"]


def random_performer(**changes: Any) -> Perceiver:
    network = Perceiver(replace(TINY, **changes))
    dice = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.dim() > 1:
                parameter.copy_(torch.randn(parameter.shape, generator=dice) * 0.2)
    return network.eval().requires_grad_(False)
