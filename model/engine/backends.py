"""The engines there are, and the fastest of them that runs a network here."""

import logging
from typing import Any, Final, Protocol

import torch

from model.checkpoint import AnyNetwork
from model.engine.cuda.engine import CudaEngine, CudaUnavailable
from model.engine.native.engine import NativeEngine
from model.engine.native.library import NativeUnavailable
from model.engine.stream_engine import StreamEngine
from model.engine.torch_engine import TorchEngine
from model.engine.work import ServedEngine
from model.networks.decoder import Decoder
from model.networks.perceiver import Perceiver
from music.errors import BadSetting

AUTO: Final = "auto"
BACKENDS: Final = (AUTO, "cuda", "native", "torch")

log = logging.getLogger(__name__)


class AnyEngine(ServedEngine[Any], Protocol):
    """What all of them tell besides."""

    @property
    def backend(self) -> str:
        """What computes, for people to read."""

    @property
    def kv_bytes(self) -> int:
        """What the caches of all open sequences take."""


def make_engine(network: AnyNetwork, *, backend: str = AUTO, threads: int = 1, max_sequences: int = 8) -> AnyEngine:
    """Raises CudaUnavailable or NativeUnavailable where that is wanted and not there."""
    if backend not in BACKENDS:
        raise BadSetting(f"expected an engine of {', '.join(BACKENDS)}, got {backend!r}")
    if backend == "cuda" or (backend == AUTO and torch.cuda.is_available()):
        try:
            return CudaEngine(_decoder(network), max_sequences=max_sequences)
        except CudaUnavailable as error:
            if backend == "cuda":
                raise
            log.warning("%s; the processor plays in its place", error)
    if backend != "torch":
        try:
            return NativeEngine(network, threads=threads, max_sequences=max_sequences)
        except NativeUnavailable:
            if backend == "native":
                raise
    if isinstance(network, Perceiver):
        return StreamEngine(network, threads=threads, max_sequences=max_sequences)
    return TorchEngine(network, threads=threads, max_sequences=max_sequences)


def _decoder(network: AnyNetwork) -> Decoder:
    if isinstance(network, Perceiver):
        raise CudaUnavailable("expected a network that plays with others for the GPU, got one for solo piano")
    return network
