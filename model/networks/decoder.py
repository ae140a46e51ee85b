"""The decoder: embedding, blocks, output head tied to the embedding. Whole sequences, or cached chunks."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from model.networks.attention import Attention, Rotary, Tagger, Tags
from model.networks.config import NetworkConfig


@dataclass(slots=True)
class KVCache:
    """Keys, values and token ids of one sequence. Rewinding is lowering `length`; nothing else is touched."""

    keys: list[Tensor]  # per layer (kv_heads, capacity, head_size), already turned by position
    values: list[Tensor]
    tokens: Tensor  # (capacity,)
    length: int = 0

    @classmethod
    def empty(cls, config: NetworkConfig, *, device: torch.device | None = None) -> "KVCache":
        shape = (config.kv_heads, config.context, config.head_size)
        keys, values = ([torch.zeros(shape, device=device) for _ in range(config.layers)] for _ in range(2))
        return cls(keys, values, torch.zeros(config.context, dtype=torch.long, device=device))

    def fork(self) -> "KVCache":
        return KVCache(
            [key.clone() for key in self.keys],
            [value.clone() for value in self.values],
            self.tokens.clone(),
            self.length,
        )

    @property
    def capacity(self) -> int:
        return self.tokens.shape[0]


class Block(nn.Module):
    """Attention, then a gated MLP (SwiGLU), each behind an RMS norm and added to the stream."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.norm_attention = nn.RMSNorm(config.width, eps=1e-5)
        self.attention = Attention(config)
        self.norm_mlp = nn.RMSNorm(config.width, eps=1e-5)
        self.gate_up = nn.Linear(config.width, 2 * config.hidden, bias=False)
        self.down = nn.Linear(config.hidden, config.width, bias=False)

    def mlp(self, x: Tensor) -> Tensor:
        gate, up = self.gate_up(self.norm_mlp(x)).chunk(2, dim=-1)
        narrowed: Tensor = self.down(functional.silu(gate) * up)
        return x + narrowed

    def forward(self, x: Tensor, tags: Tags, turn: tuple[Tensor, Tensor]) -> Tensor:
        return self.mlp(x + self.attention(self.norm_attention(x), tags, turn))


class Decoder(nn.Module):
    """Token ids to the next token's logits."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.tag = Tagger()
        self.rotary = Rotary(config)
        self.embedding = nn.Embedding(config.vocabulary, config.width)
        self.blocks: nn.ModuleList = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.RMSNorm(config.width, eps=1e-5)
        self._initialise()

    def _initialise(self) -> None:
        into_stream = 0.02 / (2 * self.config.layers) ** 0.5
        for name, parameter in self.named_parameters():
            if parameter.dim() > 1 and not name.endswith("leaning"):
                nn.init.normal_(parameter, std=into_stream if name.endswith(("out.weight", "down.weight")) else 0.02)

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens: (B, T) -> logits (B, T, V), position t predicting token t + 1."""
        tags = self.tag(tokens)
        turn = self.rotary(0, tokens.shape[1])
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x, tags, turn)
        return functional.linear(self.norm(x), self.embedding.weight)

    @torch.inference_mode()
    def extend(self, chunks: Sequence[tuple[KVCache, Sequence[int]]]) -> Tensor:
        """Append each cache's new tokens, all sequences in one pass over the weights.

        Returns the last position's output of each, normed: (len(chunks), width).
        """
        spans: list[tuple[KVCache, int, int]] = []
        for cache, ids in chunks:
            start, stop = cache.length, cache.length + len(ids)
            cache.tokens[start:stop] = torch.tensor(ids)
            spans.append((cache, start, stop))
        tags = [self.tag(cache.tokens[:stop]) for cache, _, stop in spans]
        turns = [self.rotary(start, stop) for _, start, stop in spans]
        x = self.embedding(torch.cat([cache.tokens[start:stop] for cache, start, stop in spans]))
        for layer, block in enumerate(self.blocks):
            x = self._extend_layer(layer, block, x, spans, tags, turns)
        for cache, _, stop in spans:
            cache.length = stop
        ends = torch.tensor([stop - start for _, start, stop in spans]).cumsum(0) - 1
        normed: Tensor = self.norm(x[ends.to(x.device)])
        return normed

    def _extend_layer(
        self,
        layer: int,
        block: nn.Module,
        x: Tensor,
        spans: list[tuple[KVCache, int, int]],
        tags: list[Tags],
        turns: list[tuple[Tensor, Tensor]],
    ) -> Tensor:
        """x: (all new tokens, width). Linear maps see all sequences at once, attention each its own cache."""
        assert isinstance(block, Block)
        new = Tags(*(torch.cat(parts) for parts in zip(*(_newest(t, s) for t, s in zip(tags, spans, strict=True)), strict=True)))
        turn = (torch.cat([cos for cos, _ in turns]), torch.cat([sin for _, sin in turns]))
        query, key, value = block.attention.project(block.norm_attention(x), new, turn)
        mixed, at = [], 0
        for (cache, start, stop), seen in zip(spans, tags, strict=True):
            here = slice(at, at := at + stop - start)
            cache.keys[layer][:, start:stop] = key[:, here]
            cache.values[layer][:, start:stop] = value[:, here]
            bias = block.attention.bias(seen, start)
            mixed.append(
                block.attention.attend(
                    query[:, here], cache.keys[layer][:, :stop], cache.values[layer][:, :stop], bias
                )
            )
        return block.mlp(x + torch.cat(mixed))

    @torch.inference_mode()
    def logits(self, hidden: Tensor, start: int, stop: int) -> Tensor:
        """hidden: (..., width) -> (..., stop - start): a slice of the vocabulary only."""
        return functional.linear(hidden, self.embedding.weight[start:stop])


def _newest(tags: Tags, span: tuple[KVCache, int, int]) -> tuple[Tensor, Tensor, Tensor]:
    _, start, stop = span
    return tags.attribute[start:stop], tags.group[start:stop], tags.in_header[start:stop]


def parameter_count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())
