"""The decoder over a pool: the same few operations on tensors that never move, so that a graph can repeat them."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from model.engine.cuda.pool import Pool, Rows
from model.engine.cuda.sampling import draw
from model.engine.cuda.told import Told
from model.networks.attention import Tagger
from model.networks.decoder import Block, Decoder


class Mixer(Protocol):
    """Writes the rows' keys and values into the pool, and lets each row attend to what it sees."""

    def __call__(
        self, layer: int, qkv: Tensor, rows: Rows, turn: tuple[Tensor, Tensor], leaning: Tensor | None
    ) -> Tensor:
        """qkv: (R, all heads * head_size); turn: cosines and sines, each (R, head_size). Returns (R, queries)."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A block's weights, cast once. Matrices that come before an addition stand the other way, as addmm wants them."""

    norm_attention: Tensor
    qkv: Tensor
    out: Tensor
    leaning: Tensor | None
    norm_mlp: Tensor
    gate_up: Tensor
    down: Tensor


@dataclass(frozen=True, slots=True)
class Outcome:
    tokens: Tensor  # (D,) int32
    logits: Tensor  # (D, vocabulary) float32


class PooledDecoder:
    """Head, norms before it and sampling are float32, the rest is what the pool is."""

    def __init__(self, network: Decoder, pool: Pool, mix: Mixer) -> None:
        self._pool = pool
        self._mix = mix
        device, dtype = pool.memory.device, pool.memory.dtype
        self._tag = Tagger().to(device)
        self._cos, self._sin = network.rotary.cos.to(device), network.rotary.sin.to(device)
        self._head = network.embedding.weight.detach().to(device, torch.float32)
        self._norm = network.norm.weight.detach().to(device, torch.float32)
        self._embedding = self._head.to(dtype)
        self._eps = network.norm.eps
        self._layers = [_layer(block, device, dtype) for block in network.blocks]

    def __call__(self, told: Told) -> Outcome:
        facts = told.rows.long()
        tokens, _, position, _ = facts.unbind()
        rows = self._pool.enter(facts, self._tag(tokens))
        turn = self._cos[position], self._sin[position]
        x = self._embedding[tokens]
        for number, layer in enumerate(self._layers):
            qkv = functional.linear(self._normed(x, layer.norm_attention), layer.qkv)
            x.addmm_(self._mix(number, qkv, rows, turn, layer.leaning), layer.out)  # in place: no copy of x
            gate, up = functional.linear(self._normed(x, layer.norm_mlp), layer.gate_up).chunk(2, dim=-1)
            x.addmm_(functional.silu(gate) * up, layer.down)
        logits = functional.linear(self._normed(x[told.drawn].float(), self._norm), self._head)
        return Outcome(draw(logits, told.offsets, told.chances), logits)

    def _normed(self, x: Tensor, weight: Tensor) -> Tensor:
        return functional.rms_norm(x, weight.shape, weight, eps=self._eps)


def _layer(block: torch.nn.Module, device: torch.device, dtype: torch.dtype) -> Layer:
    assert isinstance(block, Block)
    attention = block.attention

    def cast(weight: Tensor) -> Tensor:
        return weight.detach().to(device, dtype)

    return Layer(
        norm_attention=cast(block.norm_attention.weight),
        qkv=cast(attention.qkv.weight),
        out=cast(attention.out.weight).t(),
        leaning=attention.leaning.detach().to(device, torch.float32) if hasattr(attention, "leaning") else None,
        norm_mlp=cast(block.norm_mlp.weight),
        gate_up=cast(block.gate_up.weight),
        down=cast(block.down.weight).t(),
    )
