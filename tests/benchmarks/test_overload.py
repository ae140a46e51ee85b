"""A full house, and many who come all the same: how they are told, and what of it reaches those inside."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import overload, throng
from benchmarks.live_many import Heard
from benchmarks.overload import Phase, bench_overload, normal_after_s, refusal_row, rss_mb
from tests.server.running import PATIENCE_S, run_server

MS = 1_000_000


def phase(name: str, times: list[float], at: float = 0.0) -> Phase:
    probes = [(at + 0.1 * i, ms) for i, ms in enumerate(times)]
    return Phase(name, [Heard(margins=[MS])], probes, [100.0])


def test_it_is_normal_again_when_ten_answers_in_a_row_are_as_fast_as_undisturbed_ones() -> None:
    calm = [phase("calm", [2.0] * 20), phase("calm again", [3.0] * 20), phase("overload", [50.0] * 20)]
    assert normal_after_s([*calm, phase("after", [9.0] * 4 + [2.0] * 9 + [9.0] + [2.5] * 10)]) == 2.3
    assert normal_after_s([*calm, phase("after", [9.0] * 40)]) == -1.0


def test_who_was_let_in_though_there_was_no_room_shows() -> None:
    row = refusal_row("session", {"full": [1.0] * 99, "admitted": [30.0]})
    assert (row["came"], row["admitted"], row["refused_max_ms"]) == (100, 1, 30.0)
    assert refusal_row("generation", {"202": [1.0], "429": [2.0]})["admitted"] == 1


def test_the_memory_is_read_from_the_numbers_of_the_server() -> None:
    assert rss_mb("# HELP\nprocess_resident_memory_bytes 2.097152e+06\nother 1\n") == 2.0


async def test_clients_are_told_full_and_too_many_and_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throng, "AGAIN_S", 0.1)
    monkeypatch.setattr(throng, "RETRY_AFTER_S", 0.1)
    with run_server(max_sessions=1, max_generations=1) as running:
        running.stage.host.stop()  # so that nothing is ever written, and who has a place keeps it
        async with running.playing():
            async with asyncio.timeout(PATIENCE_S):
                while not running.stage.host.status().sessions:
                    await asyncio.sleep(0.01)
            address = running.http.removeprefix("http://")
            assert await overload.fill(address) == 1
            offers = await throng.offer(address, sessions=2, generations=2, seconds=1.0)
    assert set(offers["session"]) == {"full"}
    assert set(offers["generation"]) == {"429"}
    assert all(len(times) > 2 for kind in offers.values() for times in kind.values())


def test_a_measurement_has_a_row_for_each_phase_and_for_each_kind_of_client(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Serving:
        def __init__(self, *about: Any, **more: Any) -> None:
            pass

        def __enter__(self) -> str:
            return "ws://127.0.0.1:1/v1/live"

        def __exit__(self, *about: object) -> None:
            pass

    async def measured(address: str, players: int, seconds: float) -> tuple[list[Phase], dict[str, Any]]:
        await asyncio.sleep(0)
        phases = [phase(name, [1.0] * 20) for name in overload.PHASES]
        return phases, {"session": {"full": [4.0]}, "generation": {"429": [2.0]}}

    monkeypatch.setattr(overload, "serving", Serving)
    monkeypatch.setattr(overload, "measure", measured)
    file = tmp_path / "overload.json"
    assert bench_overload(quick=True, json_file=file, model="tiny", players=1) == 0
    found = json.loads(file.read_text())
    assert [row["phase"] for row in found["rows"] if "phase" in row] == list(overload.PHASES)
    assert found["ratios"]["session_refused_p99_ms"] == 4.0
    assert found["ratios"]["normal_after_s"] == 0.9
