"""The sharing measurement compares all six ways, and counts their caches."""

import pytest

from benchmarks import sharing
from model.networks.config import PRESETS, Sharing
from tests.benchmarks.conftest import Measure


def test_all_six_ways_are_measured_and_three_are_ratios(measure: Measure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "CONTEXTS", (16, 40))
    monkeypatch.setattr(sharing, "SEQUENCES", (1, 3))
    monkeypatch.setattr(sharing, "QUICK_LESS_FROM", 40)
    found = measure("sharing")
    assert set(found["ratios"]) == {
        f"{way}_vs_mha_{context}" for way in ("routed", "partitioned", "grouped") for context in (16, 40)
    }
    rows = {(row["context"], row["sequences"], row["sharing"]): row for row in found["rows"]}
    less = ("mha", "routed", "partitioned", "grouped")
    assert set(rows) == {(16, count, way.value) for count in (1, 3) for way in Sharing} | {(40, 1, way) for way in less}
    assert rows[16, 1, "mha"]["mha_takes"] == 1.0
    heads = PRESETS["tiny"].heads
    assert rows[16, 1, "mha"]["kv_bytes"] > 0.9 * heads * rows[16, 1, "routed"]["kv_bytes"] - 8 * heads
