"""`/v1`: models, sessions, generations. Knows nothing of how music is made."""

import asyncio
import re
import tempfile
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path
from shutil import rmtree
from typing import Annotated, Any, Final

from fastapi import FastAPI, Header, Query, Request, Response
from fastapi.responses import FileResponse, StreamingResponse
from pydantic import Field
from starlette.background import BackgroundTask

from server.door import caller_of
from server.rest.bodies import read_request
from server.rest.examples import REQUEST_BODY
from server.rest.jobs import Jobs
from server.rest.problems import PROBLEM, Problem, ProblemDetails
from server.rest.results import ENDINGS, JSON, MIDI, WAV, ZIP, NoSound, acceptable, archive, json_of, sound
from server.stage import Stage
from streaming.generations import MOST_PIECES, Generation, GenerationOptions, ModelAbout, Models, SessionAbout, Sessions

LONGEST_WAIT_S: Final = 60
SILENT_S: Final = 15.0  # of a stream of events: then a comment says that it lives

EVENT: Final = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "event": {"const": "generation"},
        "data": {"type": "string", "contentMediaType": JSON, "contentSchema": Generation.model_json_schema()},
    },
}

Id = Annotated[str, Field(max_length=64)]


def answers(*statuses: int, **ok: Any) -> dict[int | str, dict[str, Any]]:
    """For the document: `ok` of status 200, what the route may refuse, and what each of them may: too many requests."""
    schema = {"schema": ProblemDetails.model_json_schema()}
    refusals: dict[int | str, dict[str, Any]] = {
        status: {"description": HTTPStatus(status).phrase, "content": {PROBLEM: schema}}
        for status in sorted({*statuses, 429})
    }
    return {**({200: ok} if ok else {}), **refusals}


def add_rest(app: FastAPI, stage: Stage, jobs: Jobs) -> None:
    _add_lists(app, stage)
    _add_generations(app, jobs)
    _add_results(app, jobs)


def _add_lists(app: FastAPI, stage: Stage) -> None:
    @app.get("/v1/models", responses=answers())
    async def models() -> Models:
        """The networks that can be asked for."""
        host = stage.host
        about = ModelAbout(
            name=stage.model,
            weights=stage.weights,
            backend=stage.backend,
            context=host.context,
            is_solo=host.is_solo,
        )
        return Models(models=[about])

    @app.get("/v1/sessions", responses=answers())
    async def sessions() -> Sessions:
        """Who plays, and what was played lately."""
        told = [
            SessionAbout(
                session=name,
                is_live=name in stage.seats,
                tick=stage.host.tick_of(seat) if name in stage.seats else None,
                recording=f"/v1/sessions/{name}.mid",
            )
            for name, seat in stage.played.items()
        ]
        return Sessions(sessions=told, capacity=stage.settings.max_sessions)


def _add_generations(app: FastAPI, jobs: Jobs) -> None:
    @app.post(
        "/v1/generations",
        status_code=202,
        responses=answers(
            400, 403, 408, 413, 415, 422, 503, model=Generation, description="It ended while you waited."
        ),
        openapi_extra={"requestBody": REQUEST_BODY},
    )
    async def ask(
        request: Request,
        response: Response,
        options: Annotated[GenerationOptions, Query()],
        prefer: Annotated[str, Header(max_length=200, description="`wait=10`: answer when it has ended.")] = "",
        idempotency_key: Annotated[
            str | None,
            Header(min_length=1, max_length=200, description="The same key again means the same generation."),
        ] = None,
    ) -> Generation:
        """Ask for music: a prompt and options. Options may stand in the query, too; the body goes first."""
        wanted, midi = await read_request(request, options, jobs)
        seen = await jobs.ask(wanted, midi, idempotency_key, caller_of(request.scope))
        if wait := _wait_s(prefer):
            seen = await jobs.wait(seen.id, wait)
            response.headers["preference-applied"] = f"wait={wait}"
        response.headers["location"] = f"/v1/generations/{seen.id}"
        response.status_code = 200 if seen.is_over else 202
        return seen

    @app.get("/v1/generations/{id}", responses=answers(404, 410, 422, 503))
    async def state(id: Id) -> Generation:
        """How far it is."""
        return await jobs.find(id)

    @app.get(
        "/v1/generations/{id}/events",
        response_class=StreamingResponse,
        responses=answers(404, 410, 422, 503, content={"text/event-stream": {"itemSchema": EVENT}}),
    )
    async def events(id: Id, last_event_id: Annotated[str, Header(max_length=200)] = "") -> StreamingResponse:
        """Server-sent events: how far it is, now and after every change. The last one has ended."""
        changes = await jobs.events(id)
        return StreamingResponse(_events(changes, last_event_id), media_type="text/event-stream")

    @app.delete("/v1/generations/{id}", status_code=204, responses=answers(403, 404, 422, 503))
    async def cancel(id: Id) -> None:
        """Cancel it, or throw its result away. Again does nothing."""
        await jobs.cancel(id)


def _add_results(app: FastAPI, jobs: Jobs) -> None:
    binary: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
    content = {MIDI: binary, WAV: binary, ZIP: binary, JSON: {"schema": {"type": "object"}}}

    @app.get(
        "/v1/generations/{id}/result",
        response_class=Response,
        responses=answers(404, 406, 409, 410, 422, 503, content=content),
    )
    async def result(
        id: Id,
        request: Request,
        piece: Annotated[int | None, Query(ge=1, le=MOST_PIECES, description="Its number; all if not said.")] = None,
    ) -> Response:
        """The music. By Accept one piece is audio/midi, audio/wav or application/json, all are application/zip or
        application/json.
        """
        seen = await jobs.find(id)
        numbers = [piece] if piece else list(range(1, seen.variations + 1))
        offered = (MIDI, WAV, JSON, ZIP) if len(numbers) == 1 else (ZIP, JSON)
        accept = request.headers.get("accept", "")
        wanted = acceptable(accept, offered)
        if not wanted:
            cure = "" if len(numbers) == 1 else "; say ?piece=1 for a piece of its own"
            raise Problem(406, "not_acceptable", f"expected to be asked for {', '.join(offered)}, got {accept}{cure}")
        if not piece and seen.status != "succeeded":
            raise jobs.not_yet(seen)
        pieces = {number: await jobs.piece(id, number) for number in numbers}
        trouble = ""
        for kind in wanted:
            try:
                return await asyncio.to_thread(_made, kind, seen, pieces)
            except NoSound as error:
                trouble = str(error)
        raise Problem(406, "not_acceptable", trouble)


def _made(kind: str, seen: Generation, pieces: dict[int, bytes]) -> Response:
    name = f"{seen.id}-{next(iter(pieces)):02}" if len(pieces) == 1 else seen.id
    headers = {"content-disposition": f'attachment; filename="{name}.{ENDINGS[kind]}"', "vary": "accept"}
    if kind == JSON:
        return Response(json_of(seen.id, seen.seed, pieces), headers=headers, media_type=kind)
    if kind == MIDI:
        return Response(next(iter(pieces.values())), headers=headers, media_type=kind)
    folder = Path(tempfile.mkdtemp(prefix="tradefours-"))
    try:
        path = folder / f"{name}.{ENDINGS[kind]}"
        if kind == ZIP:
            archive(seen.id, pieces, path)
        else:
            sound(next(iter(pieces.values())), path)
    except BaseException:
        rmtree(folder, ignore_errors=True)
        raise
    return FileResponse(path, headers=headers, media_type=kind, background=BackgroundTask(rmtree, folder))


async def _events(changes: AsyncIterator[Generation], last: str) -> AsyncIterator[str]:
    """An event's id is what it says, so that after a cut only what is new is said again."""
    coming = asyncio.ensure_future(anext(changes, None))
    try:
        while True:
            done, _ = await asyncio.wait({coming}, timeout=SILENT_S)
            if not done:
                yield ": still here\n\n"
                continue
            generation = coming.result()
            if generation is None:
                return
            about = f"{generation.status}-{len(generation.done)}-{generation.progress:.6f}-{generation.queue_position}"
            if about != last:
                yield f"id: {about}\nevent: generation\ndata: {generation.model_dump_json()}\n\n"
            last = about
            coming = asyncio.ensure_future(anext(changes, None))
    finally:
        coming.cancel()


def _wait_s(prefer: str) -> int:
    found = re.search(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,6})", prefer, re.IGNORECASE)
    return min(int(found[1]), LONGEST_WAIT_S) if found else 0
