"""What the heads of a decoder look at, and what is lost without some of them. Knows no engine: torch alone."""

from collections.abc import Sequence
from copy import deepcopy

import torch
from torch import Tensor
from torch.nn import functional

from model.networks.attention import Attention, Tags, causal, hidden
from model.networks.config import GROUPS, Sharing
from model.networks.decoder import Block, Decoder


@torch.inference_mode()
def attention_mass(network: Decoder, crop: Sequence[int]) -> Tensor:
    """(layers, heads, groups): the share of its attention that each query head gives to each group's tokens."""
    tokens = torch.tensor([crop])
    tags, turn = network.tag(tokens), network.rotary(0, len(crop))
    x = network.embedding(tokens)
    group = functional.one_hot(tags.group[0], GROUPS).float()
    mass = []
    for block in network.blocks:
        assert isinstance(block, Block)
        weights = attention_weights(block.attention, block.norm_attention(x), tags, turn)
        mass.append((weights[0] @ group).mean(dim=-2))
        x = block(x, tags, turn)
    return torch.stack(mass)


def attention_weights(attention: Attention, x: Tensor, tags: Tags, turn: tuple[Tensor, Tensor]) -> Tensor:
    """x: (B, T, width) -> (B, heads, T, T): of each query over all keys, sum 1. What fused kernels do not tell."""
    config, length = attention.config, x.shape[-2]
    query, key, _ = attention.project(x, tags, turn)
    key = key.repeat_interleave(config.heads // key.shape[-3], dim=-3)
    mask = hidden(config, tags, 0)
    if mask is None:
        mask = causal(length, length, x.device).expand(1, 1, length, length)
    if config.sharing is Sharing.GROUPED:
        mask = mask + attention.leaned(tags)
    mask = mask.repeat_interleave(config.heads // mask.shape[-3], dim=-3)
    weights: Tensor = (query @ key.mT * config.head_size**-0.5 + mask).softmax(dim=-1)
    return weights


def specialisation(mass: Tensor) -> Tensor:
    """(layers, heads, groups) -> (layers,): bits that a head's number tells of what it looks at.

    0: all heads of a layer look at the same mixture; 2: each at one of four groups, and as many at each. It does not
    ask which head it is, so networks whose heads belong to no group have it, too.
    """
    mean = mass.mean(dim=1, keepdim=True)
    return torch.xlogy(mass, mass / mean).sum(dim=-1).mean(dim=1) / torch.log(torch.tensor(2.0))


def without_group(network: Decoder, group: int) -> Decoder:
    """A copy whose query heads of one group say nothing, in all layers."""
    copy = deepcopy(network)
    config = copy.config
    rows = config.heads // GROUPS * config.head_size
    with torch.no_grad():
        for block in copy.blocks:
            assert isinstance(block, Block)
            block.attention.out.weight[:, group * rows : (group + 1) * rows] = 0
    return copy
