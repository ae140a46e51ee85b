"""Many players at once: what reaches each of them, and when so many are too many."""

import asyncio
from typing import Any

import pytest

from benchmarks import live_many
from benchmarks.live_many import STRETCHES, Heard, figures, is_in_time, measure, measure_many, stretches
from tests.server.running import run_server

MS = 1_000_000


def test_lateness_is_a_margin_below_nothing() -> None:
    heard = [Heard(margins=[100 * MS] * 99 + [-2 * MS]), Heard(margins=[50 * MS] * 100)]
    row = figures(heard, 10.0)
    assert row["players"] == 2
    assert row["notes_per_s"] == 10.0
    assert (row["lateness_p99_ms"], row["worst_player_p99_ms"]) == (0.0, 2.0)
    assert row["in_time_share"] == 0.995


def test_notes_that_were_never_sent_are_not_in_time() -> None:
    row = figures([Heard(margins=[MS] * 9, late=1)], 1.0)
    assert row["in_time_share"] == 0.9
    assert row["lateness_p99_ms"] == 0.0
    assert not is_in_time(row)


@pytest.mark.parametrize(("late_ms", "share", "is_so"), [(5.0, 0.99, True), (5.1, 1.0, False), (0.0, 0.98, False)])
def test_players_are_in_time_when_they_hear_what_is_played_and_soon(late_ms: float, share: float, is_so: bool) -> None:
    assert is_in_time({"lateness_p99_ms": late_ms, "in_time_share": share}) is is_so


def test_reactions_that_grow_with_the_set_are_told_stretch_by_stretch() -> None:
    second = 1000 * MS
    heard = [Heard(reactions=[(7 * second + i * second, (i + 1) * MS) for i in range(STRETCHES)]) for _ in range(2)]
    rows = stretches(heard, float(STRETCHES))
    assert [row["from_s"] for row in rows] == list(range(STRETCHES))
    assert [row["reaction_p95_ms"] for row in rows] == [i + 1 for i in range(STRETCHES)]
    assert all(row["human_notes"] == 2 for row in rows)


async def test_all_play_at_once_and_each_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_many, "SETTLE_S", 0.2)
    with run_server(max_sessions=3) as running:
        url = f"ws://127.0.0.1:{running.port}/v1/live"
        heard = await measure(url, players=3, seconds=2.0)
    assert len(heard) == 3
    assert any(each.margins for each in heard)
    for each in heard:
        assert 5 <= len(each.reactions) <= 11
        assert each.tokens_per_s


def test_fewer_and_fewer_play_until_they_are_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    async def measured(url: str, players: int, seconds: float) -> list[Heard]:
        await asyncio.sleep(0)
        asked.append(players)
        return [Heard(margins=[(3 - players) * 10 * MS] * 5) for _ in range(players)]

    class Serving:
        def __init__(self, *about: Any) -> None:
            self.about = about

        def __enter__(self) -> str:
            return "ws://nowhere"

        def __exit__(self, *about: object) -> None:
            pass

    monkeypatch.setattr(live_many, "measure", measured)
    monkeypatch.setattr(live_many, "serving", Serving)
    found = measure_many("tiny", 8, 0.1)
    assert asked == [8, 4, 2]
    assert [row["players"] for row in found.rows] == asked
    assert (found.ratios["players_in_time"], found.ratios["players_8_lateness_p99_ms"]) == (2.0, 50.0)
