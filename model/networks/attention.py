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
    """Cosines and signed sines of rotary positions (RoFormer, arXiv 2104.09864), halves layout."""

    cos: Tensor
    sin: Tensor

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        half = config.head_size // 2
        with torch.device("cpu"):  # always: arithmetic on "meta" would import torch's compiler
            angles = torch.arange(config.context)[:, None] * config.rope_base ** -(torch.arange(half) / half)
        self.register_buffer("cos", torch.cat((angles.cos(), angles.cos()), dim=-1), persistent=False)
        self.register_buffer("sin", torch.cat((-angles.sin(), angles.sin()), dim=-1), persistent=False)

    def forward(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """Each (stop - start, head_size)."""
        return self.cos[start:stop], self.sin[start:stop]


def rotate(x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
    """x: (..., T, head_size), turned by its positions."""
    cos, sin = turn
    swapped = x.roll(x.shape[-1] // 2, dims=-1)
    return torch.addcmul(x * cos, swapped, sin)


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

    def leaned(self, tags: Tags) -> Tensor:
        """Grouped: how much each group minds each key, (..., groups, 1, T)."""
        return self.leaning[:, tags.attribute].movedim(0, -2)[..., None, :]

    def forward(self, x: Tensor, tags: Tags, turn: tuple[Tensor, Tensor]) -> Tensor:
        """x: (B, T, width) -> (B, T, width), over whole sequences: training and evaluation."""
        query, key, value = self.project(x, tags, turn)
        query, key = query.to(value.dtype), key.to(value.dtype)  # positions widen what autocast has narrowed
        if self.config.sharing not in (Sharing.GROUPED, Sharing.PARTITIONED):
            mixed = functional.scaled_dot_product_attention(query, key, value, is_causal=True, enable_gqa=True)
        elif self.config.sharing is Sharing.PARTITIONED and query.is_cuda and torch.compiler.is_compiling():
            mixed = self.flex(query, key, value, tags)
        else:
            mask = hidden(self.config, tags, 0)
            if mask is None:
                mask = causal(x.shape[1], x.shape[1], x.device) + self.leaned(tags)
            mask = mask.to(query.dtype).repeat_interleave(self.config.heads // GROUPS, dim=-3)
            mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, enable_gqa=True)
        return self.project_out(mixed)

    def flex(self, query: Tensor, key: Tensor, value: Tensor, tags: Tags) -> Tensor:
        """Partitioned without a mask in memory: compiled, one fused kernel. CPUs cannot train with it.

        `grouped` could have the same, but the gradient of its biases, summed element by element, takes longer than all
        the rest. query: (B, heads, T, head_size); key, value: (B, groups, T, head_size). Returns the shape of `query`.
        """
        from torch.nn.attention.flex_attention import (  # heavy, and never for serving
            FlexKernelOptions,
            create_block_mask,
            flex_attention,
        )

        config, times, length = self.config, self.config.heads // GROUPS, query.shape[-2]

        def part(score: Tensor, b: Tensor, head: Tensor, q: Tensor, k: Tensor) -> Tensor:
            is_seen = (tags.group[b, k] == head // times) | tags.in_header[b, k] | (q - k < config.window)
            return torch.where(is_seen, score, -torch.inf)

        # Of the 128 queries and keys that it takes at once with heads of 64 numbers, 12 KB do not fit into registers:
        # `medium` learned 0.3 M tokens a second beside 2.1 M of `small`, whose heads get tiles of 64.
        tiles: FlexKernelOptions = {"fwd_BLOCK_M": 64, "fwd_BLOCK_N": 64}  # type: ignore[typeddict-unknown-key]
        past = create_block_mask(lambda b, head, q, k: q >= k, None, None, length, length, device=query.device)
        mixed = flex_attention(
            query, key, value, score_mod=part, block_mask=past, enable_gqa=True, kernel_options=tiles
        )
        assert isinstance(mixed, Tensor)
        return mixed

    def attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
        """The newest Tq positions of one sequence over all its Tk keys.

        query: (heads, Tq, head_size); key, value: (kv_heads, Tk, head_size); mask, added to the scores:
        (kv_heads or 1, Tq, Tk). Returns (Tq, width).
        """
        heads, queries, size = query.shape
        kv_heads = key.shape[0]
        rows = query.reshape(1, kv_heads, -1, size)  # the queries of one KV head, head by head
        if mask is not None and queries > 1:
            mask = mask.repeat(1, heads // kv_heads, 1)
        mixed = functional.scaled_dot_product_attention(rows, key[None], value[None], attn_mask=mask)
        return self.project_out(mixed.view(heads, queries, size))

    def project_out(self, mixed: Tensor) -> Tensor:
        """(..., heads, T, head_size) -> (..., T, width)."""
        merged: Tensor = self.out(mixed.transpose(-3, -2).flatten(-2))
        return merged


def _own(projected: Tensor, group: Tensor) -> Tensor:
    """Of (..., groups, T, size), each token's own group's: (..., 1, T, size)."""
    index = group[..., None, :, None].expand(*group.shape[:-1], 1, group.shape[-1], projected.shape[-1])
    return projected.gather(-3, index)


def causal(queries: int, keys: int, device: torch.device) -> Tensor:
    """(queries, keys), for the newest queries: 0 for what is past, -inf for what is to come."""
    return torch.full((queries, keys), -torch.inf, device=device).triu_(keys - queries + 1)


def hidden(config: NetworkConfig, tags: Tags, first_query: int) -> Tensor | None:
    """Partitioned: 0 where queries `first_query`... see a key of `tags`, -inf elsewhere: (..., groups, Tq, Tk).

    None for the other ways of sharing: there the causal rule says it all.
    """
    if config.sharing is not Sharing.PARTITIONED:
        return None
    keys, device = tags.group.shape[-1], tags.group.device
    at = torch.arange(keys, device=device)
    distance = at[first_query:, None] - at
    own = tags.group[..., None, :] == torch.arange(GROUPS, device=device)[:, None]  # (..., groups, Tk)
    seen = (own | tags.in_header[..., None, :])[..., None, :] | (distance < config.window)
    return torch.zeros(seen.shape, device=device).masked_fill_(~seen | (distance < 0), -torch.inf)
