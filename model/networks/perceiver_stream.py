"""A performance as it is made: tokens in, the newest logits out, and nothing computed twice that need not be.

The cross-attentions' keys and values are functions of the tokens alone, so keeping them is exact. The stack is another
matter: a latent knows of latents that later leave the window. So there are two ways to go on when it is full.

*exact*: the window begins anew with its newer half, computed at once, and grows again, always at the same positions.
Every logit is then the one that training would compute for the crop that ends where the window will be full, whatever
the portions in which the tokens came.
*rolling*: the oldest latent makes way. A step always costs the same, but latents remember what they could not see in
training, and the logits drift.
"""

from collections.abc import Sequence
from copy import deepcopy

import torch
from torch import Tensor

from model.networks.attention import causal
from model.networks.decoder import Span
from model.networks.perceiver import UNTAGGED, CrossBlock, Perceiver, PerceiverConfig, Turn, seen


def window_at(length: int, latents: int) -> int:
    """The first position of the window in which token `length - 1` is a latent, in exact mode."""
    stride = max(1, latents // 2)
    return max(0, -(-(length - latents) // stride)) * stride


class Context:
    """Keys and values of the newest tokens, for one cross-attention that sees `reach` of them."""

    def __init__(self, cross: CrossBlock, config: PerceiverConfig, reach: int) -> None:
        like = cross.query.weight
        shape = (2, config.heads, reach + config.latents, config.head_size)  # the latents' worth is moved seldom
        self._memory = torch.zeros(shape, dtype=like.dtype, device=like.device)
        self.cross, self.reach = cross, reach
        self._origin = 0  # the position of the first line
        self.known = 0  # positions from the origin up to this one are there

    @property
    def size_bytes(self) -> int:
        return self._memory.nbytes

    def make_room(self, oldest: int, stop: int) -> int:
        """For all from `oldest` to `stop`, at most `reach` tokens. Returns from where on they must be put."""
        if not self._origin <= oldest <= self.known:
            self._origin = self.known = oldest
        elif stop - self._origin > self._memory.shape[2]:
            kept = self._memory[:, :, oldest - self._origin : self.known - self._origin].clone()
            self._memory[:, :, : kept.shape[2]] = kept
            self._origin = oldest
        return self.known

    def put(self, key: Tensor, value: Tensor) -> None:
        """Of the next tokens. Each (heads, T, head_size)."""
        start = self.known - self._origin
        self._memory[0, :, start : start + key.shape[1]] = key
        self._memory[1, :, start : start + key.shape[1]] = value
        self.known += key.shape[1]

    def view(self, oldest: int, stop: int) -> tuple[Tensor, Tensor]:
        lines = self._memory[:, :, oldest - self._origin : stop - self._origin]
        return lines[0], lines[1]


class PerceiverStream:
    """One sequence. Not for several threads."""

    def __init__(self, network: Perceiver, *, is_rolling: bool = False) -> None:
        config, like = network.config, network.embedding.weight
        self._network, self._is_rolling = network, is_rolling
        self._latents = config.latents
        reaches = [config.context if short is None else short for short in config.scales]
        crosses = [cross for cross in network.crosses if isinstance(cross, CrossBlock)]
        self._contexts = [Context(cross, config, reach) for cross, reach in zip(crosses, reaches, strict=True)]
        shape = (2 * config.layers, config.heads, config.latents, config.head_size)
        self._stack = torch.zeros(shape, dtype=like.dtype, device=like.device)
        self._tokens = list[int]()
        self._first = 0  # position of the window's first latent
        self._filled = 0  # latents from there up to this position are computed

    def __len__(self) -> int:
        return len(self._tokens)

    @property
    def window(self) -> int:
        """The most latents at once."""
        return self._latents

    @property
    def size_bytes(self) -> int:
        return self._stack.nbytes + sum(context.size_bytes for context in self._contexts)

    @property
    def ends(self) -> tuple[int, int]:
        """The window: the position of its first latent, and the one at which it will be full. For checks."""
        return self._first, self._first + self._latents

    def fork(self) -> "PerceiverStream":
        """A copy that goes its own way."""
        return deepcopy(self, {id(module): module for module in self._network.modules()})

    def read(self, tokens: Sequence[int]) -> None:
        """What comes after them nobody asks: nothing is computed before it is needed."""
        self._tokens += tokens

    @torch.inference_mode()
    def append(self, tokens: Sequence[int]) -> Tensor:
        """At least one token. Returns the logits of what comes after the last: (V,)."""
        self.read(tokens)
        stop = len(self._tokens)
        if self._is_rolling:
            if stop - self._filled > 1 and stop - self._first > self._latents:
                self._begin_at(stop - self._latents)
        elif (first := window_at(stop, self._latents)) != self._first or self._filled < first:
            self._begin_at(first)
        starts = [context.make_room(self._oldest(context, stop), stop) for context in self._contexts]
        begin = min(*starts, self._filled)
        raw, (cos, sin) = self._embedded(begin, stop)
        for context, start in zip(self._contexts, starts, strict=True):
            new = slice(start - begin, None)
            context.put(*context.cross.keys_values(raw[new], (cos[new], sin[new])))
        new = slice(self._filled - begin, None)
        return self._network.logits(self._fill(raw[new], (cos[new], sin[new]))[-1])

    def keep(self, length: int) -> None:
        """Rewind: only the first `length` tokens stay."""
        is_lost = self._is_rolling and self._filled - self._first > self._latents  # older latents were written over
        del self._tokens[length:]
        for context in self._contexts:
            context.known = min(context.known, length)
        self._filled = min(self._filled, length)
        if self._is_rolling and (is_lost or length <= self._first):
            self._begin_at(max(0, length - self._latents // 2))

    def _begin_at(self, first: int) -> None:
        self._first = self._filled = first

    def _oldest(self, context: Context, stop: int) -> int:
        """The first position that a cross-attention sees: the same for a whole window, unless it rolls."""
        end = stop if self._is_rolling else self._first + self._latents
        return max(0, end - context.reach)

    def _embedded(self, start: int, stop: int) -> tuple[Tensor, Turn]:
        weight = self._network.embedding.weight
        ids = torch.tensor(self._tokens[start:stop], dtype=torch.long, device=weight.device)
        return self._network.embedding(ids), self._network.places(start, stop, weight.dtype)

    def _fill(self, raw: Tensor, turn: Turn) -> Tensor:
        """The newest latents, of which the window lacks `raw`, (T, width). Returns the same shape."""
        start, count = self._filled, len(raw)
        stop = self._filled = start + count
        views = [context.view(self._oldest(context, stop), stop) for context in self._contexts]
        masks = [seen(count, key.shape[1]).to(raw.device) if count > 1 else None for key, _ in views]
        x = self._network.look(raw, views, turn, masks)
        slot = (start - self._first) % self._latents
        filled = min(stop - self._first, self._latents)
        span = Span(
            rows=slice(0, count),
            fresh=self._stack[:, :, slot : slot + count].unbind(0),
            seen=self._stack[:, :, :filled].unbind(0),
            tags=None,
            mask=causal(count, filled, x.device).to(x.dtype)[None] if count > 1 else None,
        )
        for layer, block in enumerate(self._network.blocks):
            x = block.extend(x, UNTAGGED, turn, layer, [span])  # type: ignore[operator]
        return x
