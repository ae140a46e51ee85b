"""The Triton kernels say what plain PyTorch says: on a GPU, or anywhere with triton and TRITON_INTERPRET=1.

Triton's interpreter knows no bf16.
"""

import os
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from model.engine.cuda.decoder import Mixer
from model.engine.cuda.plain import PlainMixer
from model.engine.cuda.pool import Pool
from model.networks.attention import Rotary, Tagger
from model.networks.config import NetworkConfig, Sharing
from tests.model.random_networks import SMALL, random_tokens

pytest.importorskip("triton", reason="needs triton, which comes with PyTorch for CUDA")
INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
if not (INTERPRETED or torch.cuda.is_available()):
    pytest.skip("needs an NVIDIA GPU, or TRITON_INTERPRET=1", allow_module_level=True)
from model.engine.cuda.kernels import TritonMixer  # noqa: E402 (it cannot be imported without triton)

pytestmark = pytest.mark.cuda
DEVICE = torch.device("cpu" if INTERPRETED else "cuda")
LENGTHS = (1, 70, 200)  # tokens of each sequence: in one block of keys, in a few, in two shares of them


class Scene:
    """Sequences of these lengths in a pool whose last tokens, two of each longer one, are a pass's rows."""

    def __init__(self, config: NetworkConfig, dtype: torch.dtype) -> None:
        self.config = config
        self.dice = torch.Generator().manual_seed(1)
        self.tag, self.rotary = Tagger().to(DEVICE), Rotary(config).to(DEVICE)
        self.pools = [Pool(config, len(LENGTHS), dtype, DEVICE) for _ in range(2)]
        old = [(slot, position) for slot, length in enumerate(LENGTHS) for position in range(max(0, length - 2))]
        new = [(slot, at) for slot, length in enumerate(LENGTHS) for at in range(max(0, length - 2), length)]
        self.places = old, new

    def random(self, *shape: int) -> Tensor:
        return torch.randn(shape, generator=self.dice).to(DEVICE)

    def play(self, one: Mixer, other: Mixer, *, new: bool) -> tuple[Tensor, Tensor]:
        """Old tokens or the newest, through both mixers, each on its own pool."""
        places = self.places[new]
        slots, positions = torch.tensor(places, device=DEVICE).unbind(1)
        starts = torch.tensor([places.index(next(p for p in places if p[0] == slot)) for slot, _ in places])
        tokens = torch.tensor(random_tokens(len(places), seed=int(new)), device=DEVICE)
        facts = torch.stack((tokens, slots, positions, starts.to(DEVICE)))
        turn = self.rotary.cos[positions], self.rotary.sin[positions]
        config = self.config
        width = (config.heads + 2 * config.kv_projections) * config.head_size
        qkv = self.random(len(places), width).to(self.pools[0].memory.dtype)
        leaning = self.random(4, 5) if config.sharing is Sharing.GROUPED else None
        both = zip((one, other), self.pools, strict=True)
        here, there = (mix(0, qkv, pool.enter(facts, self.tag(tokens)), turn, leaning) for mix, pool in both)
        return here, there


@pytest.mark.parametrize("sharing", Sharing)
@pytest.mark.parametrize("dtype", [torch.float32] if INTERPRETED else [torch.float32, torch.bfloat16])
@torch.inference_mode()
def test_a_pass_is_what_plain_pytorch_makes_of_it(sharing: Sharing, dtype: torch.dtype) -> None:
    config = replace(SMALL, sharing=sharing, layers=1, heads=4, head_size=24, context=256)
    scene = Scene(config, dtype)
    pool, other = scene.pools
    plain = PlainMixer(config, pool)
    scene.play(plain, PlainMixer(config, other), new=False)
    expected, got = scene.play(plain, TritonMixer(config, other), new=True)
    error = {torch.float32: 1e-5, torch.bfloat16: 2e-2}[dtype]
    torch.testing.assert_close(got, expected, atol=error, rtol=error)
    torch.testing.assert_close(other.memory, pool.memory, atol=error, rtol=error)
