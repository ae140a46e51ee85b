"""The sessions measurement has its keys, and its worst player is the worst."""

import pytest

from benchmarks import sessions
from benchmarks.engines import On
from benchmarks.sessions import worst
from tests.benchmarks.conftest import Measure


def test_every_count_is_measured_free_and_at_a_pace(measure: Measure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "COUNTS", (1, 16))
    monkeypatch.setattr(sessions, "CONTEXT", 8)
    monkeypatch.setattr(sessions, "QUICK_PACED_S", 0.2)
    found = measure("sessions")
    assert set(found["ratios"]) == {"sessions_16_p99_ms", "tokens_per_s_16_vs_1"}
    rows = {(row["sharing"], row["sessions"], row["pace"]): row for row in found["rows"]}
    ways = ("mha", "partitioned", "routed")
    assert set(rows) == {(way, count, "free") for way in ways for count in (1, 16)} | {
        ("routed", count, "100/s") for count in (1, 16)
    }
    assert rows["routed", 16, "100/s"]["ms_p99"] == pytest.approx(found["ratios"]["sessions_16_p99_ms"], abs=1e-3)


def test_a_second_thread_helps_whoever_plays_as_we_ship_it(
    measure: Measure, monkeypatch: pytest.MonkeyPatch, two_cores: None
) -> None:
    monkeypatch.setattr(sessions, "COUNTS", (1,))
    monkeypatch.setattr(sessions, "CONTEXT", 8)
    monkeypatch.setattr(sessions, "QUICK_PACED_S", 0.1)
    found = measure("sessions")
    assert "two_threads_1" in found["ratios"]
    helped = [row["pace"] for row in found["rows"] if row["sharing"] == "routed, 2 threads"]
    assert helped == ["free", "100/s"]


def test_the_worst_player_counts() -> None:
    assert worst([[1.0] * 100, [1.0] * 98 + [7.0, 7.0]], 0.99) == 7.0


def test_on_a_gpu_there_are_more_of_them(
    measure: Measure, monkeypatch: pytest.MonkeyPatch, cuda_on_processor: None
) -> None:
    monkeypatch.setattr(sessions, "CUDA_COUNTS", (1, 3))
    monkeypatch.setattr(sessions, "CONTEXT", 8)
    monkeypatch.setattr(sessions, "QUICK_PACED_S", 0.2)
    found = measure("sessions", on=On.CUDA)
    assert set(found["ratios"]) == {"sessions_3_p99_ms", "tokens_per_s_3_vs_1"}
