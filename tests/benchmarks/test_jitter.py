"""The jitter measurement plays every scene, the real server's included."""

import pytest

from benchmarks import jitter, served
from model.registry import load
from tests.benchmarks.conftest import Measure

SCENES = ["free", "paced", "busy free", "busy paced", "served"]


@pytest.fixture(autouse=True)
def short_scenes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jitter, "load", lambda name: load("tiny"))
    monkeypatch.setattr(jitter, "SCENE_S", 0.05)
    monkeypatch.setattr(jitter, "QUICK_SERVED_S", 1.0)
    monkeypatch.setattr(served, "SETTLE_S", 1.5)


def test_every_scene_is_played(measure: Measure) -> None:
    found = measure("jitter")
    assert [row["scene"] for row in found["rows"]] == SCENES
    assert set(found["ratios"]) == {
        f"{scene.replace(' ', '_')}_{figure}" for scene in SCENES for figure in ("p50_ms", "p99_ms", "max_ms")
    }
    for row in found["rows"]:
        assert row["tokens"] > 0
        assert 0 < row["p50_ms"] <= row["p99_ms"] <= row["max_ms"]


def test_and_once_more_with_two_threads_where_there_is_a_core(measure: Measure, two_cores: None) -> None:
    played = {row["scene"] for row in measure("jitter")["rows"]}
    assert played == {*SCENES, *(f"2 threads {scene}" for scene in SCENES)}
