"""What only the torch engine promises; what it shares with the others is in test_engines.py."""

import torch

from model.engine.torch_engine import TorchEngine
from tests.model.random_networks import random_network


def test_threads_are_set_where_the_engine_runs() -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        TorchEngine(random_network(), threads=1).run([])
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
