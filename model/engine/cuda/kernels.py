"""Attention over the pool as Triton kernels. `plain.py` says the same in PyTorch. Imported only where Triton is.

A program takes one row and one KV head, or a share of its keys: its cost follows the length of its own sequence.
"""

from typing import Final

import torch
import triton
import triton.language as tl
from torch import Tensor

from model.engine.cuda.pool import Pool, Rows
from model.networks.config import NetworkConfig, Sharing

BLOCK: Final = 64  # keys at a time
LEAST_TILE: Final = 16  # what tensor cores multiply
PROGRAMS: Final = 128  # about as many as a large GPU has multiprocessors: fewer rows than that share out their keys
MOST_SHARES: Final = 32
LOG2_E: Final = 1.4426950408889634


class TritonMixer:
    """Implements Mixer."""

    def __init__(self, config: NetworkConfig, pool: Pool) -> None:
        self._config = config
        self._pool = pool
        self._sharers = config.heads // config.kv_heads
        self._padded = max(LEAST_TILE, triton.next_power_of_2(config.head_size))
        self._most_shares = min(MOST_SHARES, triton.next_power_of_2(triton.cdiv(config.context, BLOCK)))

    def __call__(
        self, layer: int, qkv: Tensor, rows: Rows, turn: tuple[Tensor, Tensor], leaning: Tensor | None
    ) -> Tensor:
        config, pool, count = self._config, self._pool, len(qkv)
        keys, values = pool.memory[2 * layer], pool.memory[2 * layer + 1]
        cos, sin = turn
        sizes = {"HEADS": config.heads, "SIZE": config.head_size, "PADDED": self._padded}
        shape = {**sizes, "PROJECTIONS": config.kv_projections}
        is_routed = config.sharing is Sharing.ROUTED
        _write[count, config.kv_heads](
            qkv, cos, sin, rows.group, rows.line, keys, values, pool.lines, **shape, ROUTED=is_routed
        )
        shares = min(self._most_shares, max(1, triton.next_power_of_2(triton.cdiv(PROGRAMS, count * config.kv_heads))))
        mixed = torch.empty((count, config.heads * config.head_size), dtype=qkv.dtype, device=qkv.device)
        parts = torch.empty((count, config.heads, shares, self._padded + 2), device=qkv.device)
        _attend[count, config.kv_heads, shares](
            qkv, cos, sin, keys, values, rows.base, rows.position, rows.start,
            rows.listed, pool.own, leaning, pool.attributes, mixed, parts, pool.lines, config.head_size**-0.5 * LOG2_E,
            **shape, SHARERS=self._sharers, TILE=max(LEAST_TILE, triton.next_power_of_2(self._sharers)), SHARES=shares,
            ATTRIBUTES=0 if leaning is None else leaning.shape[1], LISTS=rows.listed is not None, BLOCK=BLOCK,
            LOG2_E=LOG2_E,
        )  # fmt: skip
        if shares > 1:
            _join[count, config.heads](parts, mixed, **sizes, SHARES=shares)
        return mixed


@triton.jit
def _turned(at, cos, sin, row, d, used, SIZE: tl.constexpr):
    """Of the vector(s) at `at`, in float32, turned by the row's position."""
    swapped = (d + SIZE // 2) % SIZE
    inside = d < SIZE
    straight = tl.load(at + d, mask=used, other=0.0).to(tl.float32)
    crossed = tl.load(at + swapped, mask=used, other=0.0).to(tl.float32)
    c = tl.load(cos + row * SIZE + d, mask=inside, other=0.0)
    s = tl.load(sin + row * SIZE + d, mask=inside, other=0.0)
    return straight * c + crossed * s


@triton.jit
def _write(
    qkv, cos, sin, group, line, keys, values, lines,
    HEADS: tl.constexpr, SIZE: tl.constexpr, PADDED: tl.constexpr, PROJECTIONS: tl.constexpr, ROUTED: tl.constexpr,
):  # fmt: skip
    """One row's key, turned, and value, for one KV head, into its line."""
    row, head = tl.program_id(0), tl.program_id(1)
    d = tl.arange(0, PADDED)
    projection = head
    if ROUTED:
        projection = tl.load(group + row).to(tl.int32)
    at = qkv + row * (HEADS + 2 * PROJECTIONS) * SIZE + (HEADS + projection) * SIZE
    key = _turned(at, cos, sin, row, d, d < SIZE, SIZE)
    value = tl.load(at + PROJECTIONS * SIZE + d, mask=d < SIZE, other=0.0)
    to = (head.to(tl.int64) * lines + tl.load(line + row)) * SIZE + d
    tl.store(keys + to, key.to(keys.dtype.element_ty), mask=d < SIZE)
    tl.store(values + to, value.to(values.dtype.element_ty), mask=d < SIZE)


@triton.jit
def _attend(
    qkv, cos, sin, keys, values, base, position, start, listed, own, leaning, attributes, mixed, parts, lines, scale,
    HEADS: tl.constexpr, SIZE: tl.constexpr, PADDED: tl.constexpr, PROJECTIONS: tl.constexpr,
    SHARERS: tl.constexpr, TILE: tl.constexpr, SHARES: tl.constexpr, ATTRIBUTES: tl.constexpr, LISTS: tl.constexpr,
    BLOCK: tl.constexpr, LOG2_E: tl.constexpr,
):  # fmt: skip
    """The queries of one row that read one KV head, over a share of the keys that they see: the run, then the list."""
    row, head, share = tl.program_id(0), tl.program_id(1), tl.program_id(2)
    d = tl.arange(0, PADDED)[None, :]
    sharer = tl.arange(0, TILE)[:, None]
    used = (sharer < SHARERS) & (d < SIZE)
    query_at = qkv + row * (HEADS + 2 * PROJECTIONS) * SIZE + (head * SHARERS + sharer) * SIZE
    query = (_turned(query_at, cos, sin, row, d, used, SIZE) * scale).to(keys.dtype.element_ty)

    first = tl.load(base + row)
    begin = tl.load(start + row).to(tl.int32)
    run = tl.load(position + row).to(tl.int32) + 1 - begin
    count = run
    if LISTS:
        count += tl.load(listed + head * tl.num_programs(0) + row).to(tl.int32)
    length = tl.cdiv(tl.cdiv(count, SHARES), BLOCK) * BLOCK
    low = share * length
    high = tl.minimum(count, low + length)

    head_start = head.to(tl.int64) * lines
    top = tl.full((TILE,), -float("inf"), tl.float32)
    total = tl.zeros((TILE,), tl.float32)
    sums = tl.zeros((TILE, PADDED), tl.float32)
    for at in range(low, high, BLOCK):
        number = at + tl.arange(0, BLOCK)
        is_seen = number < high
        place = begin + number
        if LISTS:
            from_list = tl.load(own + (head_start + first + number - run), mask=is_seen & (number >= run), other=0)
            place = tl.where(number < run, place, from_list)
        line = first + place
        here = (head_start + line)[:, None] * SIZE + d
        readable = is_seen[:, None] & (d < SIZE)
        key = tl.load(keys + here, mask=readable, other=0.0)
        scores = tl.dot(query, tl.trans(key), input_precision="ieee")
        if ATTRIBUTES:
            attribute = tl.load(attributes + line, mask=is_seen, other=0)
            scores += tl.load(leaning + head * ATTRIBUTES + attribute)[None, :] * LOG2_E
        scores = tl.where(is_seen[None, :], scores, -float("inf"))
        higher = tl.maximum(top, tl.max(scores, 1))
        fade = tl.exp2(top - higher)
        weights = tl.exp2(scores - higher[:, None])
        value = tl.load(values + here, mask=readable, other=0.0)
        sums = sums * fade[:, None] + tl.dot(weights.to(value.dtype), value, input_precision="ieee")
        total = total * fade + tl.sum(weights, 1)
        top = higher

    query_head = row * HEADS + head * SHARERS + sharer
    if SHARES == 1:
        answer = (sums / total[:, None]).to(mixed.dtype.element_ty)
        tl.store(mixed + query_head * SIZE + d, answer, mask=used)
    else:
        part = parts + (query_head * SHARES + share) * (PADDED + 2)
        is_query = sharer < SHARERS
        tl.store(part + d, sums, mask=is_query & (d < PADDED))
        tl.store(part + PADDED, top[:, None], mask=is_query)
        tl.store(part + PADDED + 1, total[:, None], mask=is_query)


@triton.jit
def _join(parts, mixed, HEADS: tl.constexpr, SIZE: tl.constexpr, PADDED: tl.constexpr, SHARES: tl.constexpr):
    """The shares of one row and one query head."""
    query_head = tl.program_id(0) * HEADS + tl.program_id(1)
    d = tl.arange(0, PADDED)
    part = parts + (query_head * SHARES + tl.arange(0, SHARES)) * (PADDED + 2)
    top = tl.load(part + PADDED)
    weight = tl.exp2(top - tl.max(top, 0))
    total = tl.sum(weight * tl.load(part + PADDED + 1), 0)
    sums = tl.sum(weight[:, None] * tl.load(part[:, None] + d[None, :]), 0)
    tl.store(mixed + query_head * SIZE + d, (sums / total).to(mixed.dtype.element_ty), mask=d < SIZE)
