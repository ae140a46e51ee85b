"""A network, packed for the native library. Knows shapes and tensors; sequences are the engine's."""

import ctypes
import weakref
from collections.abc import Mapping
from enum import IntEnum
from typing import Any

from torch import Tensor

from model.engine.native.library import CLayer, CShape, CTokenTable, NativeUnavailable, library, paths
from model.networks.config import GROUP_OF_ATTRIBUTE, GROUPS, NetworkConfig, Sharing
from model.networks.decoder import Decoder
from model.tokens.vocabulary import ATTRIBUTE_OF, IN_HEADER, Attribute


class Format(IntEnum):
    """How numbers are kept in memory. All sums are float32."""

    F32 = 0
    BF16 = 1
    INT8 = 2  # weights only: groups of 64 share a scale


class PackedDecoder:
    """The library's copy of a network. Its memory goes when this does."""

    def __init__(self, network: Decoder, *, weights: Format, cache: Format, path: str | None = None) -> None:
        config = network.config
        _check(config, cache)
        known = paths()
        if path is not None and path not in known:
            raise NativeUnavailable(f"expected kernels of {', '.join(known)}, got {path!r}")
        self.path = path or known[0]
        self.weights = weights
        tensors = {name: tensor.float().cpu().contiguous() for name, tensor in network.state_dict().items()}
        shape = _shape(config, weights, cache)
        groups = bytes(GROUP_OF_ATTRIBUTE[Attribute(attribute)] for attribute in ATTRIBUTE_OF)
        table = CTokenTable(bytes(ATTRIBUTE_OF), groups, bytes(IN_HEADER))
        layers = (CLayer * config.layers)(*(_layer(tensors, number) for number in range(config.layers)))
        handle = library().tradefours_decoder(
            ctypes.byref(shape),
            ctypes.byref(table),
            tensors["embedding.weight"].data_ptr(),
            tensors["norm.weight"].data_ptr(),
            layers,
            known.index(self.path),
        )
        if not handle:
            raise NativeUnavailable("expected memory for the packed weights, got none")
        self.handle: int = handle
        weakref.finalize(self, library().tradefours_free_decoder, handle)

    @property
    def weight_bytes(self) -> int:
        return int(library().tradefours_weight_bytes(self.handle))


def _check(config: NetworkConfig, cache: Format) -> None:
    if cache is Format.INT8:
        raise NativeUnavailable("expected a cache in f32 or bf16, got int8")
    inner = config.heads * config.head_size
    if config.head_size % 16 or config.width % 64 or inner % 64 or config.hidden % 64:
        raise NativeUnavailable(
            f"expected heads of a multiple of 16 and layers of a multiple of 64 numbers, got {config}"
        )


def _shape(config: NetworkConfig, weights: Format, cache: Format) -> CShape:
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
