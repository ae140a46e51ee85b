"""Every refusal of `/v1` in one form: application/problem+json, RFC 9457. Knows no route."""

from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match

from server.complaint import objection

PROBLEM: Final = "application/problem+json"
PREFIX: Final = "/v1"


class ProblemDetails(BaseModel):
    """What is wrong, for programs (`code`) and for people (`detail`)."""

    type: str = Field(default="about:blank", description="Always this: `code` says more.")
    title: str = Field(description="What the status means.")
    status: int
    code: str = Field(description="A word that stays the same.")
    detail: str = Field(description="One sentence: what was expected, and what came.")


class Problem(Exception):
    def __init__(self, status: int, code: str, detail: str, **headers: str) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def response(self) -> Response:
        body = ProblemDetails(
            title=HTTPStatus(self.status).phrase, status=self.status, code=self.code, detail=self.detail
        )
        return JSONResponse(body.model_dump(), self.status, self.headers, PROBLEM)


def add_problems(app: FastAPI) -> None:
    """What FastAPI refuses by itself looks the same."""

    @app.exception_handler(Problem)
    async def ours(_: Request, problem: Problem) -> Response:
        return problem.response()

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        return Problem(422, "bad_request", first_sentence(error.errors())).response()

    @app.exception_handler(HTTPException)
    async def missing(request: Request, error: HTTPException) -> Response:
        if not request.url.path.startswith(PREFIX):
            return PlainTextResponse(error.detail, error.status_code, error.headers)
        detail = f"expected a route of this server, got {request.method} {request.url.path}"
        # The page's mount takes all that no route does, and would say 404 to a method that a path of ours has not.
        if methods := _methods(app, request):
            return Problem(405, "bad_method", detail, allow=", ".join(sorted(methods))).response()
        return Problem(404, "not_found", detail).response()


def first_sentence(errors: Any) -> str:
    """What is wrong with the first field: of pydantic's list."""
    place = [step for step in errors[0]["loc"] if step not in ("body", "query", "header", "path")]
    return objection(errors[0], place, "body")


def _methods(app: FastAPI, request: Request) -> set[str]:
    """Those that this path has."""
    found = set[str]()
    for route in app.routes:
        methods = getattr(route, "methods", None)
        if methods and route.matches(request.scope)[0] is not Match.NONE:
            found |= methods
    return found
