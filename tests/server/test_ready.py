"""Alive, and ready, are two things."""

import asyncio
import re
import threading

import httpx
import pytest

from server import stage
from server.health import ServerStatus
from tests.conftest import ROOT
from tests.server.running import PATIENCE_S, Running, heard, say


async def test_an_engine_that_hangs_is_alive_and_not_ready_until_it_answers_again(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "ANSWERS_NS", 50_000_000)
    goes_on, run = threading.Event(), running.engine.run
    monkeypatch.setattr(running.engine, "run", lambda work: (goes_on.wait(PATIENCE_S), run(work))[1])
    async with running.playing(mode="duet") as player, httpx.AsyncClient(trust_env=False) as http:

        async def until(status: int) -> str | None:
            async with asyncio.timeout(PATIENCE_S):
                while (answer := await http.get(f"{running.http}/ready")).status_code != status:
                    pass
            reason: str | None = answer.json()["reason"]
            return reason

        assert await until(200) is None
        await say(player, type="note", tick=0, pitch=60, velocity=80)
        assert re.fullmatch(r"the engine has not answered for \d s", await until(503) or "")
        assert (await http.get(f"{running.http}/health")).status_code == 200
        goes_on.set()
        assert await until(200) is None


def test_both_are_in_the_document_for_programs_and_so_are_the_numbers(running: Running) -> None:
    paths = httpx.get(f"{running.http}/openapi.json", trust_env=False).json()["paths"]
    assert set(paths["/ready"]["get"]["responses"]) == {"200", "503"}
    assert set(paths["/health"]["get"]["responses"]) == {"200"}
    assert any(kind.startswith("text/plain") for kind in paths["/metrics"]["get"]["responses"]["200"]["content"])


async def test_the_status_is_what_the_page_shows(running: Running) -> None:
    async with running.playing(mode="duet") as player, httpx.AsyncClient(trust_env=False) as http:
        await say(player, type="note", tick=0, pitch=60, velocity=80)
        await heard(player, "plan")
        seen = (await http.get(f"{running.http}/v1/status")).json()
        page = await http.get(f"{running.http}/status")
    assert (seen["sessions"], seen["capacity"], seen["connections"], seen["reason"]) == (1, 4, 1, None)
    assert seen["reaction_p50_ms"] <= seen["reaction_p95_ms"]
    assert (seen["jobs_waiting"], seen["jobs_running"], seen["jobs_ended"]) == (0, 0, 0)
    assert "default-src 'self'" in page.headers["content-security-policy"]
    source = (ROOT / "clients/studio/src/status.ts").read_text()
    assert set(re.findall(r"^  (\w+): (?:string|number)", source, re.MULTILINE)) == set(ServerStatus.model_fields)
    for name in re.findall(r'(?:src|href)="([^"/]+(?:/[^"]+)?)"', page.text):
        assert httpx.get(f"{running.http}/{name}", trust_env=False).status_code == 200
