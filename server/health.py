"""The routes for operators: alive, ready, how it is, and every number. Knows nothing of music."""

import asyncio
import time
from pathlib import Path

from fastapi import FastAPI, Response
from fastapi.responses import FileResponse
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from pydantic import BaseModel, Field

from clients.live import tradefours_version
from server.histogram import NS
from server.metrics import exposition
from server.rest.routes import answers
from server.stage import Stage
from server.traffic import LIVE, WATCH


class Health(BaseModel):
    status: str = Field(description="`alive`, always.")
    version: str


class ServerStatus(BaseModel):
    """The server at one moment, as the page at /status shows it."""

    version: str
    model: str
    backend: str
    uptime_s: int
    reason: str | None = Field(description="Why nobody can play.")
    sessions: int
    sessions_waiting: int = Field(description="Of these, those that wait for a lost client.")
    capacity: int = Field(description="The most sessions at once.")
    connections: int
    busy_share: float = Field(description="Of the last two seconds, how much the engine computed: 0 to 1.")
    tokens_per_second: float
    reaction_p50_ms: float | None = Field(description="Of the last 1,024 answers.")
    reaction_p95_ms: float | None
    notes_late: int = Field(description="Notes that came too late to be played, in all.")
    rests: int = Field(description="Times that a session rested because the engine could not keep up, in all.")
    jobs_waiting: int
    jobs_running: int
    jobs_ended: int


class Readiness(BaseModel):
    ready: bool
    reason: str | None = Field(description="Why nobody can play.")
    model: str
    backend: str
    sessions: int
    capacity: int = Field(description="The most sessions at once.")


def add_health(app: FastAPI, stage: Stage, status_page: Path) -> None:
    @app.get("/health")
    async def health() -> Health:
        """The process is alive: 200, always. Where this does not answer, start it again."""
        return Health(status="alive", version=tradefours_version())

    @app.get("/ready", responses={503: {"description": "Nobody can play.", "model": Readiness}})
    async def ready(response: Response) -> Readiness:
        """Somebody can play: 200. The engine has failed or does not answer, or the server is stopping: 503."""
        trouble = stage.trouble
        response.status_code = 503 if trouble else 200
        return Readiness(
            ready=trouble is None,
            reason=trouble,
            model=stage.model,
            backend=stage.backend,
            sessions=stage.host.health().sessions,
            capacity=stage.settings.max_sessions,
        )

    @app.get("/v1/status", responses=answers())
    async def status() -> ServerStatus:
        """How the server is."""
        return _status(stage)

    @app.get("/status", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(status_page)

    text = {"schema": {"type": "string"}}

    @app.get("/metrics", response_class=Response, responses={200: {"content": {CONTENT_TYPE_PLAIN_0_0_4: text}}})
    async def metrics() -> Response:
        """Every number, in Prometheus' text format."""
        return Response(await asyncio.to_thread(exposition, stage), media_type=CONTENT_TYPE_PLAIN_0_0_4)


def _status(stage: Stage) -> ServerStatus:
    seen, health, jobs = stage.status(), stage.host.health(), stage.jobs.by_status() if stage.jobs else {}
    return ServerStatus(
        version=tradefours_version(),
        model=seen.model,
        backend=seen.backend,
        uptime_s=(time.monotonic_ns() - stage.since_ns) // NS,
        reason=seen.trouble,
        sessions=seen.sessions,
        sessions_waiting=stage.sessions_waiting,
        capacity=seen.max_sessions,
        connections=stage.traffic.inside[LIVE] + stage.traffic.inside[WATCH],
        busy_share=seen.busy_share,
        tokens_per_second=seen.tokens_per_second,
        reaction_p50_ms=seen.reaction_p50_ms,
        reaction_p95_ms=seen.reaction_p95_ms,
        notes_late=health.late,
        rests=health.rested,
        jobs_waiting=jobs.get("queued", 0),
        jobs_running=jobs.get("running", 0),
        jobs_ended=stage.diary.jobs.total(),
    )
