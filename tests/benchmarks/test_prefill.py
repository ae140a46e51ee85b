"""The prefill measurement has its key and a row for every length."""

import pytest

from benchmarks.prefill import CONTEXTS, QUICK_APPENDED
from tests.benchmarks.conftest import Measure


def test_every_length_is_measured_at_every_context(measure: Measure) -> None:
    found = measure("prefill")
    assert set(found["ratios"]) == {"append8_ms"}
    assert {(row["context"], row["appended"]) for row in found["rows"]} == {
        (context, count) for context in CONTEXTS for count in QUICK_APPENDED
    }
    (row,) = (
        row
        for row in found["rows"]
        if (row["context"], row["appended"], row["sharing"]) == (512, 8, "routed") and "torch" in row["engine"]
    )
    assert row["ms_per_token"] == pytest.approx(row["ms_p50"] / 8, abs=1e-4)
