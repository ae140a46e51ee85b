"""A PerceiverS, packed for the native library. Knows shapes and tensors; sequences are the engine's."""

import ctypes
from collections.abc import Mapping

from torch import Tensor

from model.engine.native.decoder import Format, Packed, chosen_path, layers_of, shape_of, tensors_of
from model.engine.native.library import CCross, CPerceiverShape, NativeUnavailable, library, paths
from model.engine.stream_engine import LONGEST
from model.networks.perceiver import Join, Perceiver


def pack_perceiver(network: Perceiver, *, weights: Format, cache: Format, path: str | None) -> Packed:
    """`path` None takes the fastest kernels that this processor runs."""
    config, chosen = network.config, chosen_path(path)
    if config.short is not None and config.join is not Join.CASCADE:
        raise NativeUnavailable(f"expected cross-attentions in cascade, got {config.join}")
    shape = CPerceiverShape(shape_of(config.stack, weights, cache), config.context, config.short or 0)
    tensors, count = tensors_of(network), len(config.scales)
    handle = library().tradefours_perceiver(
        ctypes.byref(shape),
        tensors["embedding.weight"].data_ptr(),
        tensors["norm.weight"].data_ptr(),
        (CCross * count)(*(_cross(tensors, number) for number in range(count))),
        layers_of(tensors, config.layers),
        paths().index(chosen),
    )
    held = min(LONGEST, config.context + config.latents)
    return Packed(handle, chosen, weights, LONGEST, held, config.vocabulary)


def _cross(tensors: Mapping[str, Tensor], number: int) -> CCross:
    names = (field[0] for field in CCross._fields_)
    return CCross(*(tensors[f"crosses.{number}.{name}.weight"].data_ptr() for name in names))
