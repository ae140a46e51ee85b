"""The jitter measurement plays every scene, the real server's included."""

import pytest

from benchmarks import jitter, served
from model.registry import load
from tests.benchmarks.conftest import Measure


def test_every_scene_is_played(measure: Measure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jitter, "load", lambda name: load("tiny"))
    monkeypatch.setattr(jitter, "SCENE_S", 0.05)
    monkeypatch.setattr(jitter, "QUICK_SERVED_S", 1.0)
    monkeypatch.setattr(served, "SETTLE_S", 1.5)
    found = measure("jitter")
    scenes = ["free", "paced", "busy free", "busy paced", "served"]
    assert [row["scene"] for row in found["rows"]] == scenes
    assert set(found["ratios"]) == {
        f"{scene.replace(' ', '_')}_{figure}" for scene in scenes for figure in ("p50_ms", "p99_ms", "max_ms")
    }
    for row in found["rows"]:
        assert row["tokens"] > 0
        assert 0 < row["p50_ms"] <= row["p99_ms"] <= row["max_ms"]
