"""Muon (Jordan et al. 2024): momentum whose matrix is made nearly orthogonal before it is applied.

torch has one, but it computes in bfloat16, which a CPU without that type does fifty times slower.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

QUINTIC = (3.4445, -4.7750, 2.0315)  # Newton-Schulz coefficients of the reference


def orthogonal(matrix: Tensor, steps: int = 5) -> Tensor:
    """matrix: (..., m, n) -> the same singular vectors, singular values within about 0.7 to 1.2."""
    x: Tensor = matrix / (matrix.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    tall = x.shape[-2] > x.shape[-1]
    x = x.mT if tall else x
    a, b, c = QUINTIC
    for _ in range(steps):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    """For matrices only; everything else wants AdamW."""

    def __init__(
        self,
        matrices: Iterable[nn.Parameter],
        *,
        lr: float,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
        attentions: Iterable[nn.Parameter] = (),
        queries: int = 0,
        groups: int = 1,
    ) -> None:
        """attentions: matrices of so many rows of queries, then keys' projections for each of `groups` groups of
        tokens, then values', likewise.

        An orthogonal change moves all rows alike, which is too little for keys and values that many heads share: they
        are moved once more by themselves. And a group's tokens are few: what all groups want is said to each of them,
        as if a projection were the sum of one in common and of what the group has of its own.
        """
        defaults = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "queries": None, "groups": 1}
        parts: list[dict[str, Any]] = [{"params": matrices}]
        if attentions := list(attentions):
            parts.append({"params": attentions, "queries": queries, "groups": groups})
        super().__init__(parts, defaults)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # nobody passes a closure
        for group in self.param_groups:
            alike: dict[torch.Size, list[nn.Parameter]] = {}
            for matrix in group["params"]:
                alike.setdefault(matrix.shape, []).append(matrix)
            for matrices in alike.values():  # at once, so that a GPU is not kept waiting for many small products
                wanted = self._update(matrices, group["lr"], group["momentum"], group["weight_decay"])
                if group["queries"] is not None:
                    _move_in_common(matrices, wanted, group["lr"], group["queries"], group["groups"])

    def _update(self, matrices: list[nn.Parameter], lr: float, momentum: float, weight_decay: float) -> Tensor:
        """Returns where they wanted to go: (n, rows, columns)."""
        ahead = []
        for matrix in matrices:
            assert matrix.grad is not None
            state = self.state[matrix]
            if "velocity" not in state:
                state["velocity"] = torch.zeros_like(matrix)
            velocity = state["velocity"].lerp_(matrix.grad, 1 - momentum)
            ahead.append(matrix.grad.lerp(velocity, momentum))  # Nesterov
        wanted = torch.stack(ahead).to(torch.bfloat16 if matrices[0].is_cuda else torch.float32)
        for matrix, change in zip(matrices, orthogonal(wanted), strict=True):
            matrix.mul_(1 - lr * weight_decay).add_(change.to(matrix.dtype), alpha=-lr * _scale(change))
        return wanted


def _scale(matrix: Tensor) -> float:
    """A change is larger where there are more rows than columns."""
    rows, columns = matrix.shape
    scale: float = max(1.0, rows / columns) ** 0.5
    return scale


def _move_in_common(matrices: list[nn.Parameter], wanted: Tensor, lr: float, queries: int, groups: int) -> None:
    """The rows behind the queries', by what all groups want together."""
    count, rows, width = wanted[:, queries:].shape
    by_group = wanted[:, queries:].reshape(count, 2, groups, -1, width)
    changes = orthogonal(by_group.sum(dim=2).flatten(1, 2))
    for matrix, change in zip(matrices, changes, strict=True):
        for_each = change.reshape(2, 1, -1, width).expand(by_group.shape[1:]).reshape(rows, width)
        matrix[queries:].add_(for_each.to(matrix.dtype), alpha=-lr * _scale(change))
