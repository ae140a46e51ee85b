"""The paper's other rival, embedding pooling: the network takes one step for each note, not for each of its attributes.

The same tokens in the same order as a `Decoder`, and the same weights, wired otherwise. All that a note says, its
position where that is new, is one *word*; so is each token of structure (a bar, a tempo), and each player with its
program. A word's embedding is the sum of its tokens'. All blocks but the last see words; the last one writes the next
word token by token, from what the others made of the last whole word and from the tokens that the next one has so far.
So a token is predicted from the same past as a `Decoder`'s, and nats compare token by token; depth, width and
parameters are those of `mha`. Knows no sharing: every query head has a KV head.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.study.plan import POOLED
from model.networks.attention import causal
from model.networks.config import NetworkConfig, Sharing
from model.networks.decoder import Block, Decoder, KVCache, Span
from model.tokens.vocabulary import BLOCK_OF, PART, PITCH, POSITION, VELOCITY
from music.errors import BadSetting

OPEN: Final = (POSITION, PART, PITCH, VELOCITY)  # more of the same word follows; every other token is its word's last


class Pooled(Decoder):
    """Token ids to the next token's logits. Its cache holds words in all layers but the last, tokens in that."""

    is_end: Tensor

    def __init__(self, config: NetworkConfig) -> None:
        if config.sharing is not Sharing.MHA or config.layers < 2:
            raise BadSetting(f"expected two layers of mha or more, got {config.layers} of {config.sharing}")
        super().__init__(config)
        self.register_buffer("is_end", torch.tensor([block not in OPEN for block in BLOCK_OF]), persistent=False)

    @property
    def last(self) -> Block:
        block = self.blocks[-1]
        assert isinstance(block, Block)
        return block

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens: (B, T) -> logits (B, T, V), position t predicting token t + 1."""
        x, tags, length = self.embedding(tokens), self.tag(tokens), tokens.shape[1]
        ends = self.is_end[tokens]
        ended = ends.cumsum(dim=1)
        word = (ended - ends.long())[..., None].expand_as(x)  # whose each token is
        words = x.new_zeros(x.shape[0], length, x.shape[2]).scatter_add(1, word, x)[:, : int(ended.max()) + 1]
        for block in self.blocks[:-1]:
            words = block(words, tags, self.rotary(0, words.shape[1]))
        x = torch.where(ends[..., None], words.gather(1, word), x)
        last, mask = self.last, within_words(ended, ended)[:, None]
        query, key, value = last.attention.project(last.norm_attention(x), tags, self.rotary(0, length))
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        x = last.mlp(x + last.attention.project_out(mixed))
        return functional.linear(self.norm(x), self.embedding.weight)

    @torch.inference_mode()
    def extend(self, chunks: Sequence[tuple[KVCache, Sequence[int]]]) -> Tensor:
        """As `Decoder.extend`. Each word is read once, when it is whole."""
        news = [self._append(cache, ids) for cache, ids in chunks]
        tokens = torch.cat([new.cache.tokens[new.start : new.stop] for new in news])
        x = self.embedding(tokens)
        if (ends := self.is_end[tokens]).any():
            x[ends] = self._read([new for new in news if new.words])
        stops = list(accumulate(len(ids) for _, ids in chunks))
        spans = [new.span_within(stop) for new, stop in zip(news, stops, strict=True)]
        turn = self._turn([range(new.start, new.stop) for new in news])
        x = self.last.extend(x, self.tag(tokens), turn, 0, spans)
        normed: Tensor = self.norm(x[[stop - 1 for stop in stops]])
        return normed

    def _append(self, cache: KVCache, ids: Sequence[int]) -> "New":
        start, cache.length = cache.length, cache.length + len(ids)
        cache.tokens[start : cache.length] = torch.tensor(ids, device=cache.tokens.device)
        return New(cache, start, self.is_end[cache.tokens[: cache.length]].cumsum(0))

    def _read(self, news: Sequence["New"]) -> Tensor:
        """Their new words, in a row: what all blocks but the last make of them, (words, width)."""
        x = torch.cat([new.pooled(self.embedding(new.cache.tokens[new.open : new.stop])) for new in news])
        stops = list(accumulate(len(new.words) for new in news))
        spans = [new.span_of_words(stop) for new, stop in zip(news, stops, strict=True)]
        turn = self._turn([new.words for new in news])
        tags = self.tag(torch.zeros(len(x), dtype=torch.long, device=x.device))  # which mha does not look at
        for layer, block in enumerate(self.blocks[:-1]):
            assert isinstance(block, Block)
            x = block.extend(x, tags, turn, layer, spans)
        return x

    def _turn(self, places: Sequence[range]) -> tuple[Tensor, Tensor]:
        at = [place for each in places for place in each]
        return self.rotary.cos[at], self.rotary.sin[at]


@dataclass(frozen=True, slots=True)
class New:
    """The tokens that a cache gets in a pass, from `start` on."""

    cache: KVCache
    start: int
    ended: Tensor  # (stop,), int: words that end with each token of the cache or before it

    @property
    def stop(self) -> int:
        return len(self.ended)

    @property
    def words(self) -> range:
        """That end among the new tokens."""
        return range(int(self.ended[self.start - 1]) if self.start else 0, int(self.ended[-1]))

    @property
    def open(self) -> int:
        """The place of the first token of the word that was not whole before."""
        before = self.words.start
        return self._end_of(before) + 1 if before else 0

    def pooled(self, x: Tensor) -> Tensor:
        """x: (T, width), the tokens from `open` on -> (words, width)."""
        word = torch.cat((self.ended.new_zeros(1), self.ended))[self.open : self.stop] - self.words.start
        return x.new_zeros(len(self.words) + 1, x.shape[1]).index_add(0, word, x)[:-1]

    def span_of_words(self, stop: int) -> Span:
        """`stop`: the row after its last. All layers but the last."""
        words, memory = self.words, self.cache.memory[:-2]
        mask = causal(len(words), words.stop, memory.device)[None] if len(words) > 1 else None
        fresh, seen = memory[:, :, words.start : words.stop], memory[:, :, : words.stop]
        return Span(slice(stop - len(words), stop), fresh.unbind(0), seen.unbind(0), None, mask)

    def span_within(self, stop: int) -> Span:
        """`stop`: the row after its last. The last layer: a token sees its own word, and the end of the one before."""
        memory, first = self.cache.memory[-2:], self._end_of(int(self.ended[self.start]))
        new = self.stop - self.start
        mask = within_words(self.ended[self.start :], self.ended[first:])[None] if new > 1 else None
        fresh, seen = memory[:, :, self.start : self.stop], memory[:, :, first : self.stop]
        return Span(slice(stop - new, stop), fresh.unbind(0), seen.unbind(0), None, mask)

    def _end_of(self, count: int) -> int:
        """The place of the token that made so many words whole; 0 for none."""
        return int(torch.searchsorted(self.ended, count))


def wired(way: str, network: Decoder) -> Decoder:
    """The network of a way of the study: `pooled` is a copy of the weights."""
    if way != POOLED:
        return network
    pooled = Pooled(network.config)
    pooled.load_state_dict(network.state_dict())
    return pooled.train(network.training)


def within_words(queries: Tensor, keys: Tensor) -> Tensor:
    """(..., Tq), (..., Tk), words ended -> (..., Tq, Tk): 0 where a newest query sees a key, -inf elsewhere."""
    is_other = queries[..., :, None] != keys[..., None, :]
    past = causal(queries.shape[-1], keys.shape[-1], keys.device)
    return past.expand(is_other.shape).masked_fill(is_other, -torch.inf)
