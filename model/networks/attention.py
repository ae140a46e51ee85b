"""One attention module for all six ways of sharing keys and values, one cache layout, one mask rule.

Knows of a token only its position, its attribute and whether it belongs to the header.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from model.networks.config import GROUP_OF_ATTRIBUTE, GROUPS, NetworkConfig, Sharing
from model.tokens.vocabulary import ATTRIBUTE_OF, IN_HEADER, Attribute

GROUP_OF_TOKEN = torch.tensor([GROUP_OF_ATTRIBUTE[Attribute(attribute)] for attribute in ATTRIBUTE_OF])


@dataclass(frozen=True, slots=True)
class Tags:
    """What attention may know of tokens. Each (..., T)."""

    attribute: Tensor  # 0..4
    group: Tensor  # 0..3
    in_header: Tensor  # bool

    def cut(self, length: int) -> "Tags":
        return Tags(self.attribute[..., :length], self.group[..., :length], self.in_header[..., :length])


class Tagger(nn.Module):
    """Token ids (..., T) -> Tags (..., T)."""

    attribute: Tensor
    group: Tensor
    in_header: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("attribute", torch.tensor(ATTRIBUTE_OF), persistent=False)
        self.register_buffer("group", GROUP_OF_TOKEN.clone(), persistent=False)
        self.register_buffer("in_header", torch.tensor(IN_HEADER), persistent=False)

    def forward(self, tokens: Tensor) -> Tags:
        return Tags(self.attribute[tokens], self.group[tokens], self.in_header[tokens])


class Rotary(nn.Module):
    """Cosines and sines of rotary positions (RoFormer, arXiv 2104.09864), halves layout."""

    cos: Tensor
    sin: Tensor

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        half = config.head_size // 2
        angles = torch.arange(config.context)[:, None] * config.rope_base ** -(torch.arange(half) / half)
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)

    def forward(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """Each (stop - start, head_size / 2)."""
        return self.cos[start:stop], self.sin[start:stop]


def rotate(x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
    """x: (..., T, head_size), turned by its positions."""
    cos, sin = turn
    left, right = x.chunk(2, dim=-1)
    return torch.cat((left * cos - right * sin, left * sin + right * cos), dim=-1)


class Attention(nn.Module):
    """Causal self-attention with shared keys and values."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        rows = (config.heads + 2 * config.kv_projections) * config.head_size
        self.qkv = nn.Linear(config.width, rows, bias=False)
        self.out = nn.Linear(config.heads * config.head_size, config.width, bias=False)
        if config.sharing is Sharing.GROUPED:
            # A group starts out minding its own attributes: e times the weight of the others.
            own = torch.tensor([[float(GROUP_OF_ATTRIBUTE[a] == g) for a in Attribute] for g in range(GROUPS)])
            self.leaning = nn.Parameter(own)

    def project(self, x: Tensor, tags: Tags, turn: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """x: (..., T, width) -> queries (..., heads, T, head_size), keys and values (..., kv_heads, T, head_size)."""
        config = self.config
        sizes = [n * config.head_size for n in (config.heads, config.kv_projections, config.kv_projections)]
        query, key, value = (
            y.unflatten(-1, (-1, config.head_size)).transpose(-3, -2) for y in self.qkv(x).split(sizes, dim=-1)
        )
        if config.sharing is Sharing.ROUTED:
            key, value = _own(key, tags.group), _own(value, tags.group)
        return rotate(query, turn), rotate(key, turn), value

    def bias(self, tags: Tags, first_query: int) -> Tensor | None:
        """What is added to the scores of queries `first_query`... over all keys of `tags`; -inf hides.

        (..., heads or 1, Tq, Tk), or None where the causal rule alone says it all.
        """
        config, keys = self.config, tags.group.shape[-1]
        if config.sharing not in (Sharing.GROUPED, Sharing.PARTITIONED):
            return None
        per_group = config.heads // GROUPS
        if config.sharing is Sharing.GROUPED:
            leaning = self.leaning[:, tags.attribute].movedim(0, -2)  # (..., groups, Tk)
            return leaning.repeat_interleave(per_group, dim=-2)[..., None, :]
        device = tags.group.device
        distance = torch.arange(first_query, keys, device=device)[:, None] - torch.arange(keys, device=device)
        own = tags.group[..., None, :] == torch.arange(GROUPS, device=device)[:, None]  # (..., groups, Tk)
        seen = (own | tags.in_header[..., None, :])[..., None, :] | (distance < config.window)
        hidden = torch.zeros(seen.shape, device=device).masked_fill_(~seen, -torch.inf)
        return hidden.repeat_interleave(per_group, dim=-3)

    def forward(self, x: Tensor, tags: Tags, turn: tuple[Tensor, Tensor]) -> Tensor:
        """x: (B, T, width) -> (B, T, width), over whole sequences: training and evaluation."""
        query, key, value = self.project(x, tags, turn)
        times = self.config.heads // self.config.kv_heads
        if times > 1:
            key, value = (
                y[:, :, None].expand(-1, -1, times, -1, -1).flatten(1, 2) for y in (key, value)
            )
        bias = self.bias(tags, 0)
        if bias is not None:
            causal = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool, device=x.device).tril()
            bias = bias.to(query.dtype).masked_fill(~causal, -torch.inf)
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias, is_causal=bias is None)
        return self.project_out(mixed)

    def attend(self, query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None) -> Tensor:
        """The newest Tq positions of one sequence over all its Tk keys.

        query: (heads, Tq, head_size); key, value: (kv_heads, Tk, head_size). Returns (Tq, width).
        """
        heads, queries, size = query.shape
        keys = key.shape[1]
        shared = query.reshape(key.shape[0], -1, size)  # query heads of one KV head, side by side
        scores = (shared @ key.transpose(-1, -2)).view(heads, queries, keys) * size**-0.5
        if bias is not None:
            scores = scores + bias
        if queries > 1:
            future = torch.ones(queries, keys, dtype=torch.bool, device=query.device).triu(keys - queries + 1)
            scores = scores.masked_fill(future, -torch.inf)
        mixed = scores.softmax(dim=-1).view(key.shape[0], -1, keys) @ value
        return self.project_out(mixed.view(heads, queries, size))

    def project_out(self, mixed: Tensor) -> Tensor:
        """(..., heads, T, head_size) -> (..., T, width)."""
        merged: Tensor = self.out(mixed.transpose(-3, -2).flatten(-2))
        return merged


def _own(projected: Tensor, group: Tensor) -> Tensor:
    """Of (..., groups, T, size), each token's own group's: (..., 1, T, size)."""
    index = group[..., None, :, None].expand(*group.shape[:-1], 1, group.shape[-1], projected.shape[-1])
    return projected.gather(-3, index)
