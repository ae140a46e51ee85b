"""Which peers are installed here. Each is imported only when it is asked for."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final, Protocol

from benchmarks.peers.llama_parts import Array
from model.networks.decoder import Decoder


class Peer(Protocol):
    """An engine of others', with one sequence and one thread."""

    name: str

    def extend(self, keep: int, tokens: Sequence[int]) -> int:
        """Rewind to `keep` tokens, append these; the likeliest next."""

    def logits(self, tokens: Sequence[int]) -> Array:
        """After the last of `tokens`, which are all."""


HUGGING_FACE: Final = ("benchmarks.peers.hugging_face", "HuggingFace")
STEPPING: Final = (
    ("benchmarks.peers.onnx_runtime", "OnnxRuntime"),
    ("benchmarks.peers.llama_cpp_peer", "LlamaCpp"),
)


def stepping_peers(network: Decoder) -> tuple[list[Peer], list[str]]:
    """The peers that run here, and a word about each that does not."""
    made = [make_peer(where, network) for where in STEPPING]
    return [peer for peer, _ in made if peer], [word for _, word in made if word]


def make_peer(where: tuple[str, str], network: Decoder) -> tuple[Any, str]:
    """The peer, or None and why not."""
    module, name = where
    try:
        return getattr(import_module(module), name)(network), ""
    except ImportError as error:
        return None, f"{name} is skipped: {error.name or error} is not installed (pip install '.[bench]')."
