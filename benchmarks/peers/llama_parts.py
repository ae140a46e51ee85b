"""Our `mha` network in the parts that a Llama has: every peer can run it. Each matrix is (rows out, columns in)."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.networks.config import Sharing
from model.networks.decoder import Block, Decoder

Array = NDArray[np.float32]


class LlamaLayer(NamedTuple):
    norm_attention: Array
    q: Array
    k: Array
    v: Array
    out: Array
    norm_mlp: Array
    gate: Array
    up: Array
    down: Array


class LlamaEnds(NamedTuple):
    """What is not in a layer. The embedding is the output head, too."""

    embedding: Array
    norm: Array


def layers(network: Decoder) -> Iterator[LlamaLayer]:
    assert network.config.sharing is Sharing.MHA
    for block in network.blocks:
        assert isinstance(block, Block)
        q, k, v = block.attention.qkv.weight.detach().numpy().reshape(3, -1, network.config.width)
        gate, up = block.gate_up.weight.detach().numpy().reshape(2, -1, network.config.width)
        norms = (block.norm_attention.weight.detach().numpy(), block.norm_mlp.weight.detach().numpy())
        out, down = block.attention.out.weight.detach().numpy(), block.down.weight.detach().numpy()
        yield LlamaLayer(norms[0], q, k, v, out, norms[1], gate, up, down)


def ends(network: Decoder) -> LlamaEnds:
    return LlamaEnds(network.embedding.weight.detach().numpy(), network.norm.weight.detach().numpy())
