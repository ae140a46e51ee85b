"""The marks of tests that need an NVIDIA GPU: `pytest -m cuda` runs them, and without one they are skipped."""

import pytest
import torch

is_cuda = pytest.mark.cuda
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU, and PyTorch for it")
ON_CUDA = pytest.param("cuda", marks=[is_cuda, needs_cuda])
