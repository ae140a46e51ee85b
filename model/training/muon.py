"""Muon (Jordan et al. 2024): momentum whose matrix is made nearly orthogonal before it is applied.

torch has one, but it computes in bfloat16, which a CPU without that type does fifty times slower.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

QUINTIC = (3.4445, -4.7750, 2.0315)  # Newton-Schulz coefficients of the reference


def orthogonal(matrix: Tensor, steps: int = 5) -> Tensor:
    """matrix: (m, n) -> the same singular vectors, singular values within about 0.7 to 1.2."""
    x: Tensor = matrix / (matrix.norm() + 1e-7)
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    a, b, c = QUINTIC
    for _ in range(steps):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x.T if tall else x


class Muon(torch.optim.Optimizer):
    """For matrices only; everything else wants AdamW."""

    def __init__(
        self, matrices: Iterable[nn.Parameter], *, lr: float, momentum: float = 0.95, weight_decay: float = 0.0
    ) -> None:
        super().__init__(matrices, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # nobody passes a closure
        for group in self.param_groups:
            for matrix in group["params"]:
                self._update(matrix, group["lr"], group["momentum"], group["weight_decay"])

    def _update(self, matrix: nn.Parameter, lr: float, momentum: float, weight_decay: float) -> None:
        assert matrix.grad is not None
        state = self.state[matrix]
        if "velocity" not in state:
            state["velocity"] = torch.zeros_like(matrix)
        velocity = state["velocity"].lerp_(matrix.grad, 1 - momentum)
        ahead = matrix.grad.lerp(velocity, momentum)  # Nesterov
        dtype = torch.bfloat16 if matrix.is_cuda else torch.float32
        rows, columns = matrix.shape
        scale = max(1.0, rows / columns) ** 0.5
        matrix.mul_(1 - lr * weight_decay).add_(orthogonal(ahead.to(dtype)).to(matrix.dtype), alpha=-lr * scale)
