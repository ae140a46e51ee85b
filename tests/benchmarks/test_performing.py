"""The measurement of PerceiverS covers every way at every context."""

from dataclasses import replace
from itertools import product

import pytest

from benchmarks import performing
from model.networks.perceiver import PRESETS
from tests.benchmarks.conftest import Measure


def test_every_way_is_timed_at_every_context(measure: Measure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(performing, "PRESETS", {"perceivers-small": replace(PRESETS["perceivers-tiny"], context=128)})
    monkeypatch.setattr(performing, "LONGEST", 128)
    monkeypatch.setattr(performing, "CONTEXTS", (32, 128))
    found = measure("performing")
    keys = [(row["context"], row["way"]) for row in found["rows"]]
    assert keys == list(product((32, 128), ("native", "exact", "rolling")))
    assert set(found["ratios"]) == {f"{way}_times_played_{context}" for context, way in keys}
    assert all(row["times_played"] > 0 for row in found["rows"])
