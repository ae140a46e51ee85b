"""Muon (Jordan et al. 2024): momentum whose matrix is made nearly orthogonal before it is applied.

torch has one, but it computes in bfloat16, which a CPU without that type does fifty times slower.
"""

from collections.abc import Iterable

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
        self, matrices: Iterable[nn.Parameter], *, lr: float, momentum: float = 0.95, weight_decay: float = 0.0
    ) -> None:
        super().__init__(matrices, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # nobody passes a closure
        for group in self.param_groups:
            alike: dict[torch.Size, list[nn.Parameter]] = {}
            for matrix in group["params"]:
                alike.setdefault(matrix.shape, []).append(matrix)
            for matrices in alike.values():  # at once, so that a GPU is not kept waiting for many small products
                self._update(matrices, group["lr"], group["momentum"], group["weight_decay"])

    def _update(self, matrices: list[nn.Parameter], lr: float, momentum: float, weight_decay: float) -> None:
        ahead = []
        for matrix in matrices:
            assert matrix.grad is not None
            state = self.state[matrix]
            if "velocity" not in state:
                state["velocity"] = torch.zeros_like(matrix)
            velocity = state["velocity"].lerp_(matrix.grad, 1 - momentum)
            ahead.append(matrix.grad.lerp(velocity, momentum))  # Nesterov
        dtype = torch.bfloat16 if matrices[0].is_cuda else torch.float32
        rows, columns = matrices[0].shape
        scale = max(1.0, rows / columns) ** 0.5
        for matrix, change in zip(matrices, orthogonal(torch.stack(ahead).to(dtype)), strict=True):
            matrix.mul_(1 - lr * weight_decay).add_(change.to(matrix.dtype), alpha=-lr * scale)
