"""PerceiverS (arXiv 2411.08307): the last tokens look back over a long context, then at each other.

The newest `latents` tokens are the queries. One cross-attention lets them see the whole context, a second one only its
newest `short` tokens; both read the raw embeddings, so a key is known for ever once its token is. Then follow blocks of
causal self-attention among the latents. Without the second it is Perceiver AR (arXiv 2202.07765), the baseline.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import Tensor, nn
from torch.nn import functional

from model.networks.attention import Tags, rotate
from model.networks.config import NetworkConfig, Sharing
from model.networks.decoder import Block, Gated
from model.tokens.performance import SIZE
from music.errors import BadSetting

Turn = tuple[Tensor, Tensor]  # of positions, as `rotate` takes it


class Join(StrEnum):
    """How two cross-attentions make one input of the stack."""

    CASCADE = "cascade"  # what the first gives is the query of the second
    SUM = "sum"
    CONCATENATE = "concatenate"


@dataclass(frozen=True, slots=True, kw_only=True)
class PerceiverConfig:
    """Sizes in tokens."""

    layers: int = 6  # of self-attention
    width: int = 256
    heads: int = 4
    head_size: int = 64
    hidden: int = 640  # of the gated MLPs
    latents: int = 256  # the most queries of one pass
    context: int = 8192  # the most tokens that they see
    short: int | None = 256  # so many of which the second cross-attention sees; None: there is no second one
    join: Join = Join.CASCADE
    rope_base: float = 10_000.0
    vocabulary: int = SIZE

    def __post_init__(self) -> None:
        _ = self.stack  # has its own ideas of what makes sense
        if self.short is not None and not self.latents <= self.short <= self.context:
            raise BadSetting(
                f"expected a short context of {self.latents} (the latents) to {self.context} tokens, got {self.short}"
            )
        if self.context < self.latents:
            raise BadSetting(f"expected a context of at least {self.latents} tokens, got {self.context}")

    @property
    def scales(self) -> tuple[int | None, ...]:
        """How much each cross-attention sees; None: all."""
        return (None,) if self.short is None else (None, self.short)

    @property
    def stack(self) -> NetworkConfig:
        """The self-attention, as the decoder has it."""
        return NetworkConfig(
            sharing=Sharing.MHA,
            layers=self.layers,
            width=self.width,
            heads=self.heads,
            head_size=self.head_size,
            hidden=self.hidden,
            context=self.latents,
            rope_base=self.rope_base,
            vocabulary=self.vocabulary,
        )


PRESETS: dict[str, PerceiverConfig] = {
    "perceivers-tiny": PerceiverConfig(layers=2, width=64, head_size=16, hidden=128, latents=16, context=64, short=16),
    # What two processor cores can teach in an evening.
    "perceivers-mini": PerceiverConfig(layers=4, width=192, head_size=48, hidden=512, context=2048),
    "perceivers-small": PerceiverConfig(),
    # The paper's: 1,024 wide, 24 layers, 16 heads, 1,024 latents, 32,768 tokens. Its MLPs are four times as wide as the
    # stream and have no gate; ours have a gate and as many parameters.
    "perceivers": PerceiverConfig(
        layers=24, width=1024, heads=16, hidden=2752, latents=1024, context=32_768, short=1024
    ),
}


# Attention asks what tokens say only where keys and values are shared by attribute, which they are not here.
UNTAGGED = Tags(*[torch.empty(0)] * 3)


def seen(queries: int, keys: int, *, short: int | None = None, pads: Tensor | None = None) -> Tensor:
    """Which keys the newest `queries` tokens see: none after itself, and no padding at the front.

    `short`: only the newest so many keys, the same cut for every query (the scale mask of PerceiverS, section III).
    pads: (B,). Returns bool, (queries, keys), or (B, 1, queries, keys) with `pads`.
    """
    key = torch.arange(keys, device=None if pads is None else pads.device)
    mask = key <= key[keys - queries :, None]
    if short is not None:
        mask &= key >= keys - short
    return mask if pads is None else mask & (key >= pads[:, None, None, None])


class Places(nn.Module):
    """Rotary positions anywhere in a stream."""

    rate: Tensor

    def __init__(self, config: PerceiverConfig) -> None:
        super().__init__()
        half = config.head_size // 2
        with torch.device("cpu"):
            rate = config.rope_base ** -(torch.arange(half, dtype=torch.float64) / half)
        self.register_buffer("rate", rate, persistent=False)

    def forward(self, start: int, stop: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Cosines and signed sines, each (stop - start, head_size).

        Their angles have double precision: single would know the angle of token 30,000 to a thousandth only.
        """
        angles = torch.arange(start, stop, dtype=torch.float64, device=self.rate.device)[:, None] * self.rate
        cos, sin = angles.cos().to(dtype), angles.sin().to(dtype)
        return torch.cat((cos, cos), dim=-1), torch.cat((-sin, sin), dim=-1)


class CrossBlock(Gated):
    """Latents look at raw embeddings, then the MLP."""

    def __init__(self, config: PerceiverConfig) -> None:
        super().__init__(config.width, config.hidden)
        self.head_size = config.head_size
        wide = config.heads * config.head_size
        self.norm_query = nn.RMSNorm(config.width, eps=1e-5)
        self.norm_key = nn.RMSNorm(config.width, eps=1e-5)
        self.query = nn.Linear(config.width, wide, bias=False)
        self.key_value = nn.Linear(config.width, 2 * wide, bias=False)
        self.out = nn.Linear(wide, config.width, bias=False)

    def keys_values(self, raw: Tensor, turn: Turn) -> tuple[Tensor, Tensor]:
        """raw: (..., T, width) -> keys turned by their positions, and values: each (..., heads, T, head_size)."""
        key, value = self.key_value(self.norm_key(raw)).chunk(2, dim=-1)
        return rotate(self._heads(key), turn), self._heads(value)

    def forward(self, x: Tensor, context: tuple[Tensor, Tensor], turn: Turn, mask: Tensor | None) -> Tensor:
        """x: (..., Tq, width), at the places of `turn`; context: what `keys_values` gave. Returns the shape of x."""
        key, value = context
        query = rotate(self._heads(self.query(self.norm_query(x))), turn).to(value.dtype)
        mixed = functional.scaled_dot_product_attention(query, key.to(value.dtype), value, attn_mask=mask)
        return self.mlp(x + self.out(mixed.transpose(-3, -2).flatten(-2)))

    def _heads(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:-1], -1, self.head_size).transpose(-3, -2)


class Perceiver(nn.Module):
    """Token ids to the next token's logits, for the newest tokens."""

    def __init__(self, config: PerceiverConfig) -> None:
        super().__init__()
        self.config = config
        self.places = Places(config)
        self.embedding = nn.Embedding(config.vocabulary, config.width)
        self.crosses: nn.ModuleList = nn.ModuleList(CrossBlock(config) for _ in config.scales)
        joins = len(config.scales) > 1 and config.join is Join.CONCATENATE
        self.merge = nn.Linear(2 * config.width, config.width, bias=False) if joins else None
        self.blocks: nn.ModuleList = nn.ModuleList(Block(config.stack) for _ in range(config.layers))
        self.norm = nn.RMSNorm(config.width, eps=1e-5)
        self._initialise()

    def _initialise(self) -> None:
        into_stream = 0.02 / (2 * (self.config.layers + len(self.crosses))) ** 0.5
        for name, parameter in self.named_parameters():
            if parameter.dim() > 1:
                nn.init.normal_(parameter, std=into_stream if name.endswith(("out.weight", "down.weight")) else 0.02)

    def forward(self, tokens: Tensor, latents: int | None = None, pads: Tensor | None = None) -> Tensor:
        """tokens: (B, T); pads: (B,), so many at the front of each row are nothing, and no latent is one of them.

        Returns the logits of the newest `latents` positions (if not said: as many as there are and may be), position t
        predicting token t + 1: (B, latents, V).
        """
        length = tokens.shape[1]
        latents = min(length, self.config.latents) if latents is None else latents
        raw = self.embedding(tokens)
        turn = self.places(0, length, raw.dtype)
        newest = turn[0][-latents:], turn[1][-latents:]
        masks = [seen(latents, length, short=short, pads=pads).to(tokens.device) for short in self.config.scales]
        contexts = [cross.keys_values(raw, turn) for cross in self.crosses if isinstance(cross, CrossBlock)]
        x = self.look(raw[:, -latents:], contexts, newest, masks)
        for block in self.blocks:
            x = block(x, UNTAGGED, newest)
        return self.logits(x)

    def look(
        self, x: Tensor, contexts: Sequence[tuple[Tensor, Tensor]], turn: Turn, masks: Sequence[Tensor | None]
    ) -> Tensor:
        """x: (..., T, width) -> the same shape: the latents after both cross-attentions, each with its own context."""
        found = list[Tensor]()
        for cross, context, mask in zip(self.crosses, contexts, masks, strict=True):
            is_next = found and self.config.join is Join.CASCADE
            found.append(cross(found[-1] if is_next else x, context, turn, mask))
        match self.config.join:
            case Join.CASCADE:
                return found[-1]
            case Join.SUM:
                return torch.stack(found).sum(0)
            case Join.CONCATENATE:
                both = torch.cat(found, dim=-1)
                return both if self.merge is None else functional.linear(both, self.merge.weight)

    def logits(self, x: Tensor) -> Tensor:
        """(..., width) -> (..., V)."""
        return functional.linear(self.norm(x), self.embedding.weight)
