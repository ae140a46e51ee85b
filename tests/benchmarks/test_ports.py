"""The measurement of ports hears every note, whatever its moment."""

import pytest

from benchmarks.ports import WAYS, _off_time


@pytest.mark.jack
@pytest.mark.parametrize("way", WAYS)
def test_all_notes_are_heard_and_timed(jack_server: dict[str, str], way: str) -> None:
    pytest.importorskip("jack", exc_type=ImportError, reason="needs JACK-Client")
    found = _off_time(WAYS[way], 20).summary_ms()
    assert 18 <= found["count"] <= 20  # a listener that was late for a cycle has missed it
    assert 0 <= found["p50_ms"] <= found["p95_ms"]
