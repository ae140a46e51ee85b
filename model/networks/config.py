"""Shapes of the decoder, the six ways of sharing keys and values, and the presets."""

from dataclasses import dataclass
from enum import StrEnum

from model.tokens.vocabulary import VOCABULARY, Attribute
from music.errors import BadSetting

# Attribute groups: time, part, pitch, expression. Attention shares keys and values by these.
GROUP_OF_ATTRIBUTE = {
    Attribute.TIME: 0,
    Attribute.PART: 1,
    Attribute.PITCH: 2,
    Attribute.VELOCITY: 3,
    Attribute.DURATION: 3,
}
GROUPS = 4


class Sharing(StrEnum):
    """Who stores, and who reads, a token's key and value.

    The last three are our readings of attribute-specialised KV head sharing (AS-KVHS, SAGE-Music, arXiv 2510.00395).
    """

    MHA = "mha"  # every query head has a KV head
    GQA = "gqa"  # one KV head for each of four groups of query heads
    MQA = "mqa"  # one KV head
    GROUPED = "grouped"  # gqa, and each group learns how much it minds each attribute
    ROUTED = "routed"  # one KV head; a token is projected into it by its own attribute group's matrix
    PARTITIONED = "partitioned"  # gqa; a group sees its own attributes, the header, and a short window of everything


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkConfig:
    """A decoder-only transformer: RMS norm, rotary positions, gated MLP, output tied to the embedding."""

    sharing: Sharing = Sharing.ROUTED
    layers: int = 6
    width: int = 384  # of the residual stream
    heads: int = 8
    head_size: int = 48
    hidden: int = 1024  # of the gated MLP
    context: int = 2048  # the most tokens it is asked to hold
    window: int = 16  # partitioned: the newest tokens, itself included, that every group sees
    rope_base: float = 10_000.0
    vocabulary: int = VOCABULARY

    def __post_init__(self) -> None:
        if self.heads % GROUPS:
            raise BadSetting(f"expected a multiple of {GROUPS} heads, got {self.heads}")
        sizes = (self.layers, self.width, self.heads, self.head_size, self.hidden, self.context, self.window)
        if self.head_size % 2 or min(*sizes, self.vocabulary) < 1 or not self.rope_base > 0:
            raise BadSetting(f"expected positive sizes and an even head size, got {self}")

    @property
    def kv_heads(self) -> int:
        """Stored per token and layer."""
        match self.sharing:
            case Sharing.MHA:
                return self.heads
            case Sharing.MQA | Sharing.ROUTED:
                return 1
            case _:
                return GROUPS

    @property
    def kv_projections(self) -> int:
        """Key (and value) matrices per layer; a routed token uses one of them."""
        return GROUPS if self.sharing is Sharing.ROUTED else self.kv_heads


PRESETS: dict[str, NetworkConfig] = {
    "tiny": NetworkConfig(layers=2, width=64, heads=4, head_size=16, hidden=128),
    "small": NetworkConfig(sharing=Sharing.PARTITIONED),
    "medium": NetworkConfig(sharing=Sharing.PARTITIONED, layers=12, width=512, heads=8, head_size=64, hidden=1280),
    "large": NetworkConfig(sharing=Sharing.PARTITIONED, layers=16, width=768, heads=12, head_size=64, hidden=2048),
}


def preset(name: str) -> NetworkConfig:
    if name not in PRESETS:
        raise BadSetting(f"expected a preset of {', '.join(PRESETS)}, got {name!r}")
    return PRESETS[name]
