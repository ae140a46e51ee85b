"""Measurements in a moment: a tiny network, no peers, no patience."""

import importlib
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import engines
from benchmarks.peers import present
from model.engine.cuda.engine import CudaEngine
from model.networks.config import PRESETS

Measure = Callable[..., dict[str, Any]]
NOWHERE = ("benchmarks.peers.nowhere", "Nobody")


@pytest.fixture
def measure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Measure:
    """Runs `tradefours bench NAME --quick` on a tiny network, without peers, and returns its JSON."""
    threads = torch.get_num_threads()
    monkeypatch.setattr(engines, "preset", lambda name: PRESETS["tiny"])
    monkeypatch.setattr(present, "STEPPING", (NOWHERE,))
    monkeypatch.setattr(engines, "has_room_for_two", lambda: False)

    def run(name: str, **options: Any) -> dict[str, Any]:
        module = importlib.import_module(f"benchmarks.{name}")
        monkeypatch.setattr(module, "QUICK_S", 0.0)
        file = tmp_path / "figures.json"
        try:
            assert getattr(module, f"bench_{name}")(quick=True, json_file=file, **options) == 0
        finally:
            torch.set_num_threads(threads)
        found: dict[str, Any] = json.loads(file.read_text())
        return found

    return run


@pytest.fixture
def two_cores(measure: Measure, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is one for a second thread."""
    monkeypatch.setattr(engines, "has_room_for_two", lambda: True)


@pytest.fixture
def cuda_on_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    """The CUDA engine computes here, without graphs."""
    monkeypatch.setattr(engines, "CudaEngine", partial(CudaEngine, device="cpu"))
