"""Drawing for many sequences at once, without a word to the host. One by one, `model/engine/processors.py` is the rule.

Knows no grammar: what is not allowed has an offset of -inf.
"""

import torch
from torch import Tensor

from model.engine.checks import DAMAGED
from model.engine.processors import SHARPEST


def draw(logits: Tensor, offsets: Tensor, chances: Tensor) -> Tensor:
    """logits, offsets: (D, V) float32; chances: (D, 4) float64, as told. Returns token ids, (D,) int32."""
    temperature, min_p, top_p, uniform = torch.split(chances, 1, dim=1)
    is_greedy = temperature < SHARPEST
    logits = logits + offsets
    best = logits.argmax(dim=1)
    likeliest = logits.amax(dim=1, keepdim=True)
    logits = (logits - likeliest) / torch.where(is_greedy, 1.0, temperature).float()
    logits = logits.masked_fill(logits.exp() < min_p.float(), -torch.inf)
    logits = logits.masked_fill(_outside(logits, top_p), -torch.inf)
    summed = logits.double().softmax(dim=1).cumsum(dim=1)
    total = summed[:, -1:].contiguous()
    drawn = torch.minimum(torch.searchsorted(summed, uniform * total, right=True), torch.searchsorted(summed, total))
    token = torch.where(is_greedy[:, 0], best, drawn[:, 0])
    return torch.where(total[:, 0] > 0, token, DAMAGED).int()


def _outside(logits: Tensor, top_p: Tensor) -> Tensor:
    """Whether a token is outside the smallest set that has so much probability: (D, V)."""
    values, order = logits.sort(dim=1, descending=True, stable=True)
    probabilities = values.double().softmax(dim=1)
    dropped = probabilities.cumsum(dim=1) - probabilities >= top_p
    dropped[:, 0] = False
    return torch.empty_like(dropped).scatter_(1, order, dropped)
