"""What is added is told of the doors that are here, in turns with the straight way."""

import shutil

from tests.benchmarks.conftest import Measure


def test_each_door_is_beside_the_straight_way(measure: Measure) -> None:
    found = measure("doors")
    straight, *others = found["rows"]
    assert (straight["door"], straight["added_ms_p50"]) == ("straight", 0)
    assert ("HAProxy" in {row["door"] for row in others}) == bool(shutil.which("haproxy"))
    assert set(found["ratios"]) == {f"{row['door'].lower()}_added_ms" for row in others}
    for row in found["rows"]:
        assert row["heartbeats"] == straight["heartbeats"] >= 60
        assert 0 < row["ms_p50"] <= row["ms_p95"]
