"""The app: live play, recordings, the page, other files' routes. Knows neither sockets nor how engines are made."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI, Response, WebSocket
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import PlainTextResponse
from fastapi.staticfiles import StaticFiles
from fastapi.telemetry import TelemetryConfig
from platformdirs import user_state_path

from clients.live import tradefours_version
from model.engine.work import ServedEngine
from music.errors import TradefoursError
from music.files import write_midi
from server.connection import LiveConnection
from server.door import Door, Keys, document_keys
from server.guard import Guard, Names
from server.health import add_health
from server.host import SessionHost
from server.journals import Journals
from server.limits import Requests, Turnstile
from server.rest.jobs import Jobs
from server.rest.problems import Problem, add_problems
from server.rest.routes import add_rest, answers
from server.settings import Settings, is_loopback
from server.stage import STOPPING, Stage
from server.traffic import Counted
from server.watch import Gallery, WatchConnection
from streaming.wire import JSON_WIRE, WIRES

PAGE: Final = Path(__file__).parent / "studio"
UNTRACED: Final = frozenset({"/health", "/ready", "/metrics"})  # asked again and again by whoever looks after us
CORS_METHODS: Final = ("GET", "POST", "DELETE")
CORS_ASKED: Final = ("Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID", "Prefer")
CORS_TOLD: Final = ("Content-Disposition", "Location", "Preference-Applied", "Retry-After", "WWW-Authenticate")


def build_app(
    settings: Settings,
    engine: ServedEngine[Any],
    model_name: str,
    backend: str = "unknown",
    weights: str = "",
    solo_context: int | None = None,
) -> FastAPI:
    """The app, whose `state.stage` is what its connections share. Starting it starts the engine's thread."""
    host = SessionHost(
        engine,
        max_sessions=settings.max_sessions,
        inbox_messages=settings.inbox_messages,
        solo_context=solo_context,
    )
    gallery = Gallery(settings.max_watchers)
    stage = Stage(
        settings=settings,
        host=host,
        cached=engine.cached,
        gallery=gallery,
        model=model_name,
        backend=backend,
        weights=weights,
    )
    if settings.journal:
        stage.journals = Journals(settings.journal, most_mb=settings.journal_mb, most_days=settings.journal_days)
    stage.jobs = jobs = _jobs(stage)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        host.start()
        if stage.journals:
            stage.journals.start()
        await jobs.start()
        watching = [asyncio.create_task(each) for each in (gallery.tell(stage.status), stage.vitals.watch())]
        yield
        for task in watching:
            task.cancel()
        await stage.clear(STOPPING)
        await jobs.close()
        await asyncio.to_thread(host.stop)  # it waits for the engine, and nobody else shall
        if stage.journals:
            await asyncio.to_thread(stage.journals.stop)
        stage.is_put_away = True

    # No documentation pages: they would load scripts from elsewhere. docs/protocol.md says it all.
    app = FastAPI(title="Tradefours", version=tradefours_version(), lifespan=lifespan, docs_url=None, redoc_url=None,
        telemetry=_telemetry())  # fmt: skip
    app.state.stage = stage
    _add_guards(app, settings, jobs)
    app.add_middleware(Counted, traffic=stage.traffic)  # outside, so that what is refused is counted, too
    add_health(app, stage, PAGE / "status.html")
    _add_recordings(app, stage)
    add_rest(app, stage, jobs)
    add_problems(app)
    _add_sockets(app, stage)
    app.mount("/", StaticFiles(directory=PAGE, html=True))
    return app


def _telemetry() -> TelemetryConfig:
    """Requests are traced where the environment has `OTEL_EXPORTER_OTLP_ENDPOINT`; numbers and lines are ours."""
    return TelemetryConfig(
        auto_configure=True,
        metrics=False,
        logs=False,
        operation_spans=False,
        exclude=lambda scope: scope["path"] in UNTRACED,
    )


def _add_guards(app: FastAPI, settings: Settings, jobs: Jobs) -> None:
    """The last is the outermost: names first, then leave for other sites' pages, then keys, then how many and often."""
    keys, origins = Keys(settings.access_keys()), frozenset(settings.allow_origin)
    page = frozenset(f"/{file.relative_to(PAGE).as_posix()}" for file in PAGE.rglob("*") if file.is_file())
    app.add_middleware(Requests, per_s=settings.requests_per_s, no_room=jobs.no_room)
    app.add_middleware(Turnstile, most=settings.max_sessions + settings.max_watchers)
    app.add_middleware(Door, keys=keys, open_paths=page | {"/", "/status"})
    document_keys(app, keys)
    if origins:
        app.add_middleware(CORSMiddleware, allow_origins=[*origins], allow_methods=CORS_METHODS,
            allow_headers=CORS_ASKED, expose_headers=CORS_TOLD)  # fmt: skip
    names = Names(settings.host, is_public=not is_loopback(settings.host), more=settings.allow_host)
    app.add_middleware(Guard, names=names, origins=origins)


def _jobs(stage: Stage) -> Jobs:
    settings = stage.settings
    folder = settings.generations or user_state_path("tradefours") / "generations" / str(settings.port)
    most, each = settings.max_generations, settings.max_generations_each
    hours, mb = settings.generations_hours, settings.generations_mb
    return Jobs(
        folder,
        stage.host,
        stage.diary,
        model=stage.model,
        weights=stage.weights,
        most=most,
        each=each,
        hours=hours,
        mb=mb,
    )


def _add_recordings(app: FastAPI, stage: Stage) -> None:
    @app.get(
        "/v1/sessions/{session}.mid",
        response_class=Response,
        responses=answers(404, content={"audio/midi": {"schema": {"type": "string", "format": "binary"}}}),
    )
    async def recording(session: str) -> Response:
        """What was played, as a MIDI file; of sessions that are over, the newest are kept, and those with a journal."""
        seat = stage.played.get(session)
        content = await asyncio.to_thread(_midi, stage, session) if seat is None else None
        if seat is not None:
            score = await asyncio.to_thread(stage.host.recorded(seat))
            content = await asyncio.to_thread(write_midi, score)
        if content is None:
            detail = f"expected a session that plays or has played lately, got {session!r}"
            raise Problem(404, "not_found", detail)
        return Response(content, media_type="audio/midi")


def _midi(stage: Stage, session: str) -> bytes | None:
    """From the journal. Takes its time."""
    try:
        truth = stage.journals.truth_of(session) if stage.journals else None
    except (TradefoursError, OSError):
        return None
    return write_midi(truth.score(), truth.marks) if truth else None


def _add_sockets(app: FastAPI, stage: Stage) -> None:
    @app.websocket("/v1/live")
    async def live(websocket: WebSocket) -> None:
        offered = websocket.scope["subprotocols"]
        wire = next((WIRES[name] for name in offered if name in WIRES), None)
        if wire is None:
            got = ", ".join(offered) or "none"
            await _deny(websocket, 400, f"expected the WebSocket subprotocol {' or '.join(WIRES)}, got {got}")
        elif stage.trouble:
            stage.diary.client_refused("stopping" if stage.is_closing else "engine_failed")
            await _deny(websocket, 503, stage.trouble)
        else:
            await websocket.accept(wire.subprotocol)
            await _until_gone(stage, LiveConnection(websocket, stage, wire))

    @app.websocket("/v1/watch")
    async def watch(websocket: WebSocket) -> None:
        if stage.is_closing:
            await _deny(websocket, 503, STOPPING)
            return
        # A browser that offers any subprotocol, to hold its key, wants one back.
        offered = websocket.scope["subprotocols"]
        await websocket.accept(JSON_WIRE.subprotocol if JSON_WIRE.subprotocol in offered else None)
        limits = stage.settings.outbox_messages, stage.settings.messages_per_s
        await _until_gone(stage, WatchConnection(websocket, stage.gallery, *limits))


async def _until_gone(stage: Stage, connection: LiveConnection | WatchConnection) -> None:
    stage.connections.add(connection)
    try:
        await connection.run()
    finally:
        stage.connections.discard(connection)


async def _deny(websocket: WebSocket, status: int, reason: str) -> None:
    await websocket.send_denial_response(PlainTextResponse(reason, status))
