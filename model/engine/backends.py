"""The engines there are, and the fastest of them that runs a network here."""

from typing import Any, Final, Protocol

from model.engine.native.engine import NativeEngine
from model.engine.native.library import NativeUnavailable
from model.engine.torch_engine import TorchEngine
from model.engine.work import Engine
from model.networks.decoder import Decoder
from music.errors import BadSetting

AUTO: Final = "auto"
BACKENDS: Final = (AUTO, "native", "torch")


class AnyEngine(Engine[Any], Protocol):
    """What all of them tell besides."""

    @property
    def backend(self) -> str:
        """What computes, for people to read."""

    @property
    def kv_bytes(self) -> int:
        """What the caches of all open sequences take."""


def make_engine(network: Decoder, *, backend: str = AUTO, threads: int = 1, max_sequences: int = 8) -> AnyEngine:
    """`threads` are torch's: the native engine has one. Raises NativeUnavailable where it is wanted and not there."""
    if backend not in BACKENDS:
        raise BadSetting(f"expected an engine of {', '.join(BACKENDS)}, got {backend!r}")
    if backend != "torch":
        try:
            return NativeEngine(network, max_sequences=max_sequences)
        except NativeUnavailable:
            if backend == "native":
                raise
    return TorchEngine(network, threads=threads, max_sequences=max_sequences)
