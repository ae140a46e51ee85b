"""The decode measurement has its keys, knows its floor, and says which peers are missing."""

import pytest

from benchmarks import decode
from benchmarks.engines import On
from tests.benchmarks.conftest import NOWHERE, Measure


def test_without_peers_it_says_so_and_measures_the_rest(
    measure: Measure, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(decode, "CONTEXTS", (8, 24))
    monkeypatch.setattr(decode, "BANDWIDTH_MB", (1,))
    monkeypatch.setattr(decode, "HUGGING_FACE", NOWHERE)
    found = measure("decode")
    assert "Nobody is skipped" in capsys.readouterr().out
    assert set(found["ratios"]) == {"of_floor_8", "of_floor_24"}
    assert all(0 < share < 1 for share in found["ratios"].values())
    rows = found["rows"]
    assert {row["context"] for row in rows} == {8, 24}
    assert {row["sharing"] for row in rows} == {"-", "mha", "routed"}
    floors = [row for row in rows if row["engine"].startswith("reading") and row["mb"] != 1]
    ours = [row for row in rows if row["sharing"] == "mha"]
    assert floors[0]["mb"] == ours[0]["mb"]
    assert floors[0]["ms_p50"] < ours[0]["ms_p50"]
    assert ours[0]["ours_is"] == 1.0


def test_two_threads_stand_beside_one(measure: Measure, monkeypatch: pytest.MonkeyPatch, two_cores: None) -> None:
    monkeypatch.setattr(decode, "CONTEXTS", (8,))
    monkeypatch.setattr(decode, "BANDWIDTH_MB", (1,))
    monkeypatch.setattr(decode, "HUGGING_FACE", NOWHERE)
    found = measure("decode")
    assert set(found["ratios"]) == {"of_floor_8", "two_threads_mha_8", "two_threads_routed_8"}
    helped = [row for row in found["rows"] if row["engine"] == "native int8, 2 threads"]
    assert [row["sharing"] for row in helped] == ["mha", "routed"]


def test_on_a_gpu_there_are_times_and_no_peers(
    measure: Measure, monkeypatch: pytest.MonkeyPatch, cuda_on_processor: None
) -> None:
    monkeypatch.setattr(decode, "CONTEXTS", (8, 24))
    found = measure("decode", on=On.CUDA)
    assert found["ratios"] == {}
    rows = {(row["size"], row["context"], row["sharing"]) for row in found["rows"]}
    assert rows == {(s, c, w) for s in ("small", "medium") for c in (8, 24) for w in ("mha", "routed", "partitioned")}
    assert {row["engine"] for row in found["rows"]} == {"cuda bf16"}
