"""From measured figures to a number of servers: by chance where chance can be computed, too."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import arrivals, capacity
from benchmarks.arrivals import refused_share, servers_needed
from benchmarks.capacity import Server, bench_capacity, city, slope
from benchmarks.live_many import Measured
from tests.server.running import run_server

SERVER = Server(
    players_in_time=4, mb_empty=256.0, mb_each=16.0, kv_mb_most=8.0, pieces_per_minute=60.0, one_at_a_time=30.0
)


def erlang(places: int, players: float) -> float:
    """Who finds no place, as Erlang computed it."""
    blocked = 1.0
    for place in range(1, places + 1):
        blocked = players * blocked / (place + players * blocked)
    return blocked


@pytest.mark.parametrize(("places", "players"), [(4, 2.0), (20, 20.0), (120, 100.0), (1040, 1000.0)])
def test_as_many_are_refused_as_erlang_says_however_long_they_stay(places: int, players: float) -> None:
    for mean_s in (60.0, 1200.0):
        assert refused_share(places, players, mean_s) == pytest.approx(erlang(places, players), rel=0.1, abs=0.002)


def test_one_server_fewer_would_refuse_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "ARRIVALS", 5_000)
    servers = servers_needed(4, 30, 1200, 0.01)
    assert refused_share(4 * servers, 30, 1200) <= 0.01 < refused_share(4 * (servers - 1), 30, 1200)


def test_a_larger_city_needs_more_but_less_for_each_player(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity, "CITY", (10, 100))
    small, large = city(SERVER)
    assert 4 < large["servers"] / small["servers"] < 10
    assert small["memory_gb"] == round(small["servers"] * (256 + 4 * 24) / 1024, 1)


def test_memory_of_a_player_is_a_slope() -> None:
    assert slope([(0, 300.0), (8, 340.0), (16, 380.0)]) == 5.0


def test_the_page_says_what_was_measured_on_a_real_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(capacity, "CITY", (10,))
    monkeypatch.setattr(capacity, "PIECES", 2)
    monkeypatch.setattr(capacity, "STEPS", (0, 1, 2))
    monkeypatch.setattr(capacity, "measure_many", lambda *_: Measured([], [], {"players_in_time": 4.0}))
    asked: list[Any] = []

    class Serving:
        def __init__(self, *about: Any, **more: Any) -> None:
            asked.append((about, more))
            self._server = run_server(max_sessions=2)

        def __enter__(self) -> str:
            return self._server.__enter__().http.replace("http", "ws") + "/v1/live"

        def __exit__(self, *about: Any) -> None:
            self._server.__exit__(*about)

    monkeypatch.setattr(capacity, "serving", Serving)
    file, page = tmp_path / "capacity.json", tmp_path / "capacity.md"
    assert bench_capacity(quick=True, json_file=file, model="fake", page=page) == 0
    found = json.loads(file.read_text())["ratios"]
    assert found["players_in_time"] == 4
    assert found["kv_mb_most"] > 0
    assert found["pieces_per_minute"] > 0
    assert found["one_at_a_time"] > 0
    assert f"| {found['mb_empty']:.2f} |" in page.read_text()
    assert "network `fake`" in page.read_text()
    assert asked[0][1]["environ"]["TRADEFOURS_GENERATIONS"], "a measurement keeps nothing in the user's own folder"
