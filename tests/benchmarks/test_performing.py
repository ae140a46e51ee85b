"""The measurement of PerceiverS covers both modes at every context."""

from dataclasses import replace

import pytest

from benchmarks import performing
from model.networks.perceiver import PRESETS
from tests.benchmarks.conftest import Measure


def test_both_modes_are_timed_at_every_context(measure: Measure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(performing, "PRESETS", {"perceivers-small": replace(PRESETS["perceivers-tiny"], context=128)})
    monkeypatch.setattr(performing, "LONGEST", 128)
    monkeypatch.setattr(performing, "CONTEXTS", (32, 128))
    found = measure("performing")
    keys = [(row["context"], row["mode"]) for row in found["rows"]]
    assert keys == [(32, "exact"), (32, "rolling"), (128, "exact"), (128, "rolling")]
    assert set(found["ratios"]) == {f"{mode}_times_played_{context}" for context, mode in keys}
    assert all(row["times_played"] > 0 for row in found["rows"])
