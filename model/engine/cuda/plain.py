"""Attention over the pool in plain PyTorch: what the kernels must equal, and what computes where there are none."""

import torch
from torch import Tensor

from model.engine.cuda.pool import Pool, Rows
from model.networks.attention import rotate
from model.networks.config import NetworkConfig, Sharing

PIECE = 32  # rows at once: each brings all the keys that it sees


class PlainMixer:
    """Implements Mixer."""

    def __init__(self, config: NetworkConfig, pool: Pool) -> None:
        self._config = config
        self._pool = pool

    def __call__(
        self, layer: int, qkv: Tensor, rows: Rows, turn: tuple[Tensor, Tensor], leaning: Tensor | None
    ) -> Tensor:
        config = self._config
        sizes = [config.heads, config.kv_projections, config.kv_projections]
        heads = qkv.float().view(len(qkv), -1, config.head_size)
        query, key, value = torch.split(heads, sizes, dim=1)
        if config.sharing is Sharing.ROUTED:
            each = torch.arange(len(qkv), device=qkv.device)
            key, value = key[each, rows.group][:, None], value[each, rows.group][:, None]
        query, key = (rotate(x.transpose(0, 1), turn) for x in (query, key))  # (heads, R, head_size)
        keys, values = self._pool.memory[2 * layer : 2 * layer + 2].unbind()
        keys.index_copy_(1, rows.line, key.to(keys.dtype))
        values.index_copy_(1, rows.line, value.transpose(0, 1).to(values.dtype))
        pieces = torch.split(torch.arange(len(qkv), device=qkv.device), PIECE)
        mixed = [self._attend(query[:, piece], keys, values, rows, piece, leaning) for piece in pieces]
        return torch.cat(mixed).to(qkv.dtype)

    def _attend(
        self, query: Tensor, keys: Tensor, values: Tensor, rows: Rows, piece: Tensor, leaning: Tensor | None
    ) -> Tensor:
        """query: (heads, r, head_size); keys, values: (kv_heads, lines, head_size). Returns (r, heads * head_size)."""
        lines, is_seen = self._seen(rows, piece)  # (kv_heads, r, n)
        head = torch.arange(len(keys), device=keys.device)[:, None, None]
        query = query.reshape(len(keys), -1, len(piece), self._config.head_size)
        scores = torch.einsum("ksrd,krnd->krsn", query, keys[head, lines].float()) / self._config.head_size**0.5
        if leaning is not None:
            scores = scores + leaning[head, self._pool.attributes[lines]][:, :, None]
        weights = scores.masked_fill(~is_seen[:, :, None], -torch.inf).softmax(dim=-1)
        return torch.einsum("krsn,krnd->rksd", weights, values[head, lines].float()).flatten(1)

    def _seen(self, rows: Rows, piece: Tensor) -> tuple[Tensor, Tensor]:
        """The lines of the keys that each row sees, as many as the most sees; and which of them it does see."""
        base, start = rows.base[piece][None, :, None], rows.start[piece][None, :, None]
        run = rows.position[piece][None, :, None] + 1 - start
        count = run if rows.listed is None else run + rows.listed[:, piece, None]
        count = count.expand(self._config.kv_heads, -1, -1)
        number = torch.arange(int(count.max()), device=base.device)
        position = start + number
        if rows.listed is not None:
            listed = (base + number - run).clamp(0, self._pool.lines - 1).expand(len(rows.listed), -1, -1)
            head = torch.arange(len(listed), device=base.device)[:, None, None]
            position = torch.where(number < run, position, self._pool.own[head, listed])
        is_seen = number < count
        return base + torch.where(is_seen, position, start), is_seen  # what is not seen is not read
