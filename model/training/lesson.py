"""What a run is about: a network, rows to learn from, and how good it is. All that the trainer knows of music."""

from typing import Protocol

from torch import Tensor

from model.checkpoint import AnyNetwork
from model.training.ahead import Sampler


class Lesson(Protocol):
    """One network and its data."""

    @property
    def network(self) -> AnyNetwork:
        """What is trained."""

    @property
    def sampler(self) -> Sampler:
        """What from."""

    @property
    def settings(self) -> dict[str, str]:
        """What must not change when a run is resumed."""

    def loss(self, rows: Tensor) -> Tensor:
        """The mean NLL, in nats, of what rows of the sampler ask for."""

    def asked(self, size: int, length: int) -> int:
        """How many tokens a batch asks for."""

    def nll(self) -> float:
        """Nats per token of what is held out."""
