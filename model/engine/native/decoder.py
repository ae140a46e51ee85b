"""A network, packed for the native library. Knows shapes and tensors; sequences are the engine's."""

import ctypes
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from torch import Tensor, nn

from model.engine.native.library import CLayer, CShape, CTokenTable, NativeUnavailable, library, paths
from model.networks.config import GROUP_OF_ATTRIBUTE, GROUPS, NetworkConfig, Sharing
from model.networks.decoder import Decoder
from model.tokens.vocabulary import ATTRIBUTE_OF, IN_HEADER, Attribute


class Format(IntEnum):
    """How numbers are kept in memory. All sums are float32."""

    F32 = 0
    BF16 = 1
    INT8 = 2  # weights: groups of 64 share a scale; in the cache a key or a value has one of its own


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Packed:
    """The library's copy of a network. Its memory goes when this does."""

    handle: int
    path: str  # of the kernels
    weights: Format
    capacity: int  # the most tokens of a sequence
    held: int  # of how many of them its caches hold something
    vocabulary: int

    def __post_init__(self) -> None:
        if not self.handle:
            raise NativeUnavailable("expected memory for the packed weights, got none")
        weakref.finalize(self, library().tradefours_free_network, self.handle)

    @property
    def weight_bytes(self) -> int:
        return int(library().tradefours_weight_bytes(self.handle))


def pack_decoder(network: Decoder, *, weights: Format, cache: Format, path: str | None) -> Packed:
    """`path` None takes the fastest kernels that this processor runs."""
    config, chosen = network.config, chosen_path(path)
    shape, tensors = shape_of(config, weights, cache), tensors_of(network)
    groups = bytes(GROUP_OF_ATTRIBUTE[Attribute(attribute)] for attribute in ATTRIBUTE_OF)
    table = CTokenTable(bytes(ATTRIBUTE_OF), groups, bytes(IN_HEADER))
    handle = library().tradefours_decoder(
        ctypes.byref(shape),
        ctypes.byref(table),
        tensors["embedding.weight"].data_ptr(),
        tensors["norm.weight"].data_ptr(),
        layers_of(tensors, config.layers),
        paths().index(chosen),
    )
    return Packed(handle, chosen, weights, config.context, config.context, config.vocabulary)


def chosen_path(path: str | None) -> str:
    known = paths()
    if path is not None and path not in known:
        raise NativeUnavailable(f"expected kernels of {', '.join(known)}, got {path!r}")
    return path or known[0]


def tensors_of(network: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.float().cpu().contiguous() for name, tensor in network.state_dict().items()}


def _check(config: NetworkConfig) -> None:
    inner = config.heads * config.head_size
    if config.head_size % 16 or config.head_size > 256 or config.width % 64 or inner % 64 or config.hidden % 64:
        raise NativeUnavailable(
            f"expected heads of a multiple of 16, at most 256, and layers of a multiple of 64 numbers, got {config}"
        )


def shape_of(config: NetworkConfig, weights: Format, cache: Format) -> CShape:
    """Raises NativeUnavailable for what the library does not compute."""
    _check(config)
    return CShape(
        sharing=list(Sharing).index(config.sharing),
        layers=config.layers,
        width=config.width,
        heads=config.heads,
        head_size=config.head_size,
        hidden=config.hidden,
        context=config.context,
        window=config.window,
        vocabulary=config.vocabulary,
        groups=GROUPS,
        attributes=len(Attribute),
        weights=weights,
        cache=cache,
        rope_base=config.rope_base,
    )


def layers_of(tensors: Mapping[str, Tensor], count: int) -> Any:
    return (CLayer * count)(*(_layer(tensors, number) for number in range(count)))


def _layer(tensors: Mapping[str, Tensor], number: int) -> CLayer:
    def at(name: str) -> Any:
        tensor = tensors.get(f"blocks.{number}.{name}")
        return None if tensor is None else tensor.data_ptr()

    return CLayer(
        norm_attention=at("norm_attention.weight"),
        qkv=at("attention.qkv.weight"),
        out=at("attention.out.weight"),
        leaning=at("attention.leaning"),
        norm_mlp=at("norm_mlp.weight"),
        gate_up=at("gate_up.weight"),
        down=at("down.weight"),
    )
