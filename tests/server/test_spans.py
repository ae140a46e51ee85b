"""Sessions and generations are spans below the requests that began them, whose `traceparent` they belong to."""

import asyncio
from collections.abc import Iterator

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from server.spans import Spans
from tests.server.running import PATIENCE_S, Running, heard, say

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
HEADERS = {"traceparent": f"00-{TRACE}-{PARENT}-01"}


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    provider, exporter = TracerProvider(), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr("opentelemetry.trace._TRACER_PROVIDER", provider)
    yield exporter
    provider.shutdown()


async def named(exported: InMemorySpanExporter, *names: str) -> list[ReadableSpan]:
    """The span of each name, when all have ended."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found = {span.name: span for span in exported.get_finished_spans()}
            if set(names) <= set(found):
                return [found[name] for name in names]
            await asyncio.sleep(0.01)


def is_below(child: ReadableSpan, parent: ReadableSpan) -> bool:
    assert parent.context is not None
    return child.parent is not None and child.parent.span_id == parent.context.span_id


async def test_a_session_is_a_span_below_its_websocket_and_tells_how_it_ended(
    exported: InMemorySpanExporter, running: Running
) -> None:
    async with running.connected(additional_headers=HEADERS) as player:
        await say(player, type="hello")
        await heard(player, "welcome")
        await say(player, type="start", mode="trade")
        await say(player, type="bye")
        await player.wait_closed()
    session, request = await named(exported, "session", "WS /v1/live")
    assert is_below(session, request)
    assert request.context is not None
    assert request.parent is not None
    assert (f"{request.context.trace_id:x}", f"{request.parent.span_id:x}") == (TRACE.lstrip("0"), PARENT)
    assert session.attributes is not None
    assert {"mode": "trade", "players": 1, "outcome": "left", "late": 0}.items() <= dict(session.attributes).items()


async def test_a_generation_is_a_span_that_outlives_its_request(
    exported: InMemorySpanExporter, running: Running
) -> None:
    url = f"{running.http}/v1/generations"
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE_S) as client:
        await client.post(url, json={"bars": 1}, headers=HEADERS)
        await client.get(f"{running.http}/ready")
    generation, request = await named(exported, "generation", "POST /v1/generations")
    assert is_below(generation, request)
    assert [event.name for event in generation.events] == ["running"]
    assert generation.attributes is not None
    assert generation.attributes["status"] == "succeeded"
    assert not any("/ready" in span.name for span in exported.get_finished_spans()), (
        "who asks whether we live is no news"
    )


def test_without_anybody_who_records_nothing_is_kept() -> None:
    spans = Spans()
    spans.begin("session", "4f1d0c2a")
    assert not spans._open
    spans.tell("4f1d0c2a", "waits")
    spans.end("4f1d0c2a", has_failed=False)


async def test_what_failed_is_told_as_an_error(exported: InMemorySpanExporter) -> None:
    spans = Spans()
    spans.begin("generation", "1")
    spans.end("1", has_failed=True)
    (span,) = await named(exported, "generation")
    assert not span.status.is_ok
