"""One thread of PyTorch: on a busy machine of few cores more of them wait for each other."""

import pytest
import torch


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)
