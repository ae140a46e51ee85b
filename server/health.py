"""The routes for operators: alive, ready, and every number. Knows nothing of music."""

import asyncio

from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from pydantic import BaseModel, Field

from clients.live import tradefours_version
from server.metrics import exposition
from server.stage import Stage


class Health(BaseModel):
    status: str = Field(description="`alive`, always.")
    version: str


class Readiness(BaseModel):
    ready: bool
    reason: str | None = Field(description="Why nobody can play.")
    model: str
    backend: str
    sessions: int
    capacity: int = Field(description="The most sessions at once.")


def add_health(app: FastAPI, stage: Stage) -> None:
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
            sessions=stage.host.status().sessions,
            capacity=stage.settings.max_sessions,
        )

    text = {"schema": {"type": "string"}}

    @app.get("/metrics", response_class=Response, responses={200: {"content": {CONTENT_TYPE_PLAIN_0_0_4: text}}})
    async def metrics() -> Response:
        """Every number, in Prometheus' text format."""
        return Response(await asyncio.to_thread(exposition, stage), media_type=CONTENT_TYPE_PLAIN_0_0_4)
