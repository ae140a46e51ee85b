"""The decoder: embedding, blocks, output head tied to the embedding. Whole sequences, or cached chunks."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor, nn
from torch.nn import functional

from model.networks.attention import Attention, Rotary, Tagger, Tags, causal, hidden
from model.networks.config import NetworkConfig, Sharing


@dataclass(slots=True)
class KVCache:
    """Keys, values and token ids of one sequence. Rewinding is lowering `length`; nothing else is touched."""

    memory: Tensor  # (2 * layers, kv_heads, capacity, head_size): a layer's keys, turned by position, then its values
    tokens: Tensor  # (capacity,)
    length: int = 0

    @classmethod
    def empty(cls, config: NetworkConfig, *, device: torch.device | None = None) -> "KVCache":
        shape = (2 * config.layers, config.kv_heads, config.context, config.head_size)
        return cls(torch.zeros(shape, device=device), torch.zeros(config.context, dtype=torch.long, device=device))

    def fork(self) -> "KVCache":
        copy = KVCache(torch.zeros_like(self.memory), torch.zeros_like(self.tokens), self.length)
        copy.memory[:, :, : self.length] = self.memory[:, :, : self.length]
        copy.tokens[: self.length] = self.tokens[: self.length]
        return copy

    @property
    def capacity(self) -> int:
        return self.tokens.shape[0]

    @property
    def size_bytes(self) -> int:
        return self.memory.nbytes + self.tokens.nbytes


@dataclass(frozen=True, slots=True)
class Span:
    """One cache's share of a pass: a row for each of its new tokens."""

    rows: slice  # among the rows of all caches
    fresh: tuple[Tensor, ...]  # views of the cache, for the new tokens: keys of layer 0, its values, keys of layer 1...
    seen: tuple[Tensor, ...]  # likewise, for all tokens up to the newest
    tags: Tags | None  # of all tokens up to the newest, for the networks that ask
    mask: Tensor | None  # (groups or 1, Tq, Tk); None where every new token sees all that is there


class Gated(nn.Module):
    """What ends every block: a gated MLP (SwiGLU) behind an RMS norm, added to the stream."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.norm_mlp = nn.RMSNorm(width, eps=1e-5)
        self.gate_up = nn.Linear(width, 2 * hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)

    def mlp(self, x: Tensor) -> Tensor:
        gate, up = self.gate_up(self.norm_mlp(x)).chunk(2, dim=-1)
        narrowed: Tensor = self.down(functional.silu(gate) * up)
        return x + narrowed


class Block(Gated):
    """Attention behind an RMS norm, added to the stream, then the MLP."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__(config.width, config.hidden)
        self.norm_attention = nn.RMSNorm(config.width, eps=1e-5)
        self.attention = Attention(config)

    def forward(self, x: Tensor, tags: Tags, turn: tuple[Tensor, Tensor]) -> Tensor:
        return self.mlp(x + self.attention(self.norm_attention(x), tags, turn))

    def extend(self, x: Tensor, tags: Tags, turn: tuple[Tensor, Tensor], layer: int, spans: Sequence[Span]) -> Tensor:
        """x: (rows, width). Linear maps see the rows of all sequences at once, attention each its own cache."""
        query, key, value = self.attention.project(self.norm_attention(x), tags, turn)
        mixed = []
        for span in spans:
            span.fresh[2 * layer].copy_(key[:, span.rows])
            span.fresh[2 * layer + 1].copy_(value[:, span.rows])
            keys, values = span.seen[2 * layer : 2 * layer + 2]
            mask = span.mask
            if span.tags is not None and self.attention.config.sharing is Sharing.GROUPED:
                leaned = self.attention.leaned(span.tags)
                mask = leaned if mask is None else mask + leaned
            mixed.append(self.attention.attend(query[:, span.rows], keys, values, mask))
        return self.mlp(x + (mixed[0] if len(mixed) == 1 else torch.cat(mixed)))


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
        """Append each cache's new tokens, at least one, all sequences in one pass over the weights.

        Returns the last position's output of each, normed: (len(chunks), width).
        """
        places = [(token, cache.length + i) for cache, ids in chunks for i, token in enumerate(ids)]
        tokens, positions = torch.tensor(places, device=self.embedding.weight.device).unbind(1)
        ends = list(accumulate(len(ids) for _, ids in chunks))
        spans = [
            self._span(cache, tokens, slice(end - len(ids), end))
            for (cache, ids), end in zip(chunks, ends, strict=True)
        ]
        tags = self.tag(tokens)
        turn = self.rotary.cos[positions], self.rotary.sin[positions]
        x = self.embedding(tokens)
        for layer, block in enumerate(self.blocks):
            assert isinstance(block, Block)
            x = block.extend(x, tags, turn, layer, spans)
        normed: Tensor = self.norm(x[[end - 1 for end in ends]])
        return normed

    def _span(self, cache: KVCache, tokens: Tensor, rows: slice) -> Span:
        """Lengthen the cache, and look at it as this pass needs it."""
        start, stop = cache.length, cache.length + rows.stop - rows.start
        cache.tokens[start:stop] = tokens[rows]
        cache.length = stop
        tags = mask = None
        if self.config.sharing in (Sharing.GROUPED, Sharing.PARTITIONED):
            tags = self.tag(cache.tokens[:stop])
            mask = hidden(self.config, tags, start)
        if mask is None and stop - start > 1:
            mask = causal(stop - start, stop, tokens.device)[None]
        return Span(rows, cache.memory[:, :, start:stop].unbind(0), cache.memory[:, :, :stop].unbind(0), tags, mask)

    @torch.inference_mode()
    def logits(self, hidden: Tensor, start: int, stop: int) -> Tensor:
        """hidden: (..., width) -> (..., stop - start): a slice of the vocabulary only."""
        return functional.linear(hidden, self.embedding.weight[start:stop])
