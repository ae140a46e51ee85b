"""What `/metrics` says is what has happened, and docs/operations.md describes all of it."""

import asyncio
import re
from collections.abc import Callable

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from server.histogram import TIMES_S
from tests.conftest import ROOT
from tests.server.running import PATIENCE_S, Running, heard, say
from tests.server.test_connection import close_code

OURS = "tradefours_"
SUFFIXES = re.compile("_(bucket|count|sum)$")
Labels = dict[str, str]


class Scraped:
    """One reading of every sample."""

    def __init__(self, running: Running) -> None:
        response = httpx.get(f"{running.http}/metrics", trust_env=False)
        assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
        self.families = {family.name: family for family in text_string_to_metric_families(response.text)}
        self._samples = [sample for family in self.families.values() for sample in family.samples]

    def __call__(self, name: str, **labels: str) -> float:
        (value,) = [each.value for each in self._samples if each.name == OURS + name and each.labels == labels]
        return value

    @property
    def names(self) -> set[str]:
        return {each.name for each in self._samples}


async def until(running: Running, is_so: Callable[[Scraped], bool]) -> Scraped:
    async with asyncio.timeout(PATIENCE_S):
        while not is_so(scraped := await asyncio.to_thread(Scraped, running)):
            pass
    return scraped


async def test_a_session_is_counted_from_its_first_message_to_its_last(running: Running) -> None:
    async with running.playing(mode="duet") as player:
        await say(player, type="heartbeat", tick=0, round_trip_ms=1.5)
        await say(player, type="note", tick=5, pitch=61, velocity=80)
        await heard(player, "plan")
        scraped = await until(running, lambda seen: seen("notes_generated_total") > 0)
        assert scraped("sessions_begun_total") == scraped("sessions_active") == 1
        assert scraped("connections", kind="live") == 1
        assert scraped("sessions_total", outcome="left") == 0
        assert scraped("tokens_generated_total") > 0
        assert scraped("tokens_prompt_total") > 0
        assert scraped("engine_sequences") == 1
        assert 0 < scraped("kv_cache_bytes") < scraped("kv_cache_capacity_bytes")
        assert scraped("engine_step_seconds_count") + scraped("prefill_seconds_count") > 0
        assert scraped("engine_batch_size_bucket", le="1") > 0
        assert scraped("time_to_first_note_seconds_count") == 1
        assert scraped("note_margin_seconds_bucket", le="+Inf") == scraped("notes_generated_total")
        assert scraped("round_trip_seconds_bucket", le="0.001") == 0
        assert scraped("round_trip_seconds_bucket", le="0.002") == 1
        assert scraped("round_trip_seconds_sum") == 0.0015
        await say(player, type="bye")
        assert await close_code(player) == 1000
    scraped = await until(running, lambda seen: seen("sessions_total", outcome="left") == 1)
    assert scraped("sessions_active") == scraped("connections", kind="live") == 0
    assert scraped("ws_close_total", code="1000") == 1


async def test_who_is_refused_is_counted_by_the_reason(running: Running) -> None:
    await asyncio.to_thread(httpx.get, running.http + "/", headers={"host": "evil.example"}, trust_env=False)
    async with running.connected() as player:
        await say(player, type="note", tick=0, pitch=60, velocity=80)
        await heard(player, "error")
    scraped = await until(running, lambda seen: seen("connections", kind="live") == 0)
    assert scraped("http_responses_total", status="403") == 1
    assert scraped("protocol_errors_total", code="no_hello") == 1


async def test_an_engine_that_broke_is_not_ready_and_its_sessions_have_failed(running: Running) -> None:
    async with running.playing(mode="duet") as player:
        running.engine.breaks = True
        await say(player, type="note", tick=0, pitch=60, velocity=80)
        assert await close_code(player) == 1011
    scraped = await until(running, lambda seen: seen("connections", kind="live") == 0)
    assert scraped("ready") == 0
    assert scraped("sessions_total", outcome="failed") == 1
    assert scraped("session_refused_total", reason="engine_failed") == 1
    assert scraped("ws_close_total", code="1011") == 1


def test_times_are_told_from_half_a_millisecond_on(running: Running) -> None:
    scraped = Scraped(running)
    for name in ("engine_step_seconds", "prefill_seconds", "time_to_first_note_seconds"):
        bounds = [each.labels["le"] for each in scraped.families[OURS + name].samples if "le" in each.labels]
        assert bounds == [*(f"{bound:g}" for bound in TIMES_S), "+Inf"]
    assert TIMES_S[0] == 0.0005


def test_the_process_is_told_of_too(running: Running) -> None:
    assert {"process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds"} <= Scraped(running).names


def test_every_number_is_in_the_operators_table_and_no_other(running: Running) -> None:
    exported = {
        name.removeprefix(OURS) + ("_total" if family.type == "counter" else "")
        for name, family in Scraped(running).families.items()
        if name.startswith(OURS)
    }
    written = set(re.findall(r"^\| `(\w+)` \| (?:gauge|counter|histogram) \|", OPERATIONS, re.MULTILINE))
    assert exported == written


OPERATIONS = (ROOT / "docs/operations.md").read_text()


@pytest.mark.parametrize("file", ["deploy/grafana/tradefours.json", "deploy/alerts.yml"])
def test_the_dashboard_and_the_alerts_ask_for_numbers_that_there_are(running: Running, file: str) -> None:
    scraped = Scraped(running)
    there = scraped.names | {SUFFIXES.sub("", name) for name in scraped.names}
    asked = set(re.findall(r"\b(?:tradefours|process|python)_\w+", (ROOT / file).read_text()))
    assert asked - {"tradefours_job"}
    assert asked <= there | set(NEVER_YET), sorted(asked - there)


NEVER_YET = (OURS + "protocol_errors_total", OURS + "ws_close_total", OURS + "http_responses_total")
