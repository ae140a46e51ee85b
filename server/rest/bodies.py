"""The body of a request for a generation: read under limits, in each of its three forms. Knows no job."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, Final

from fastapi import Request
from pydantic import ValidationError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from server.rest.jobs import Jobs
from server.rest.problems import Problem, first_sentence
from streaming.generations import GenerationOptions, GenerationRequest

MOST_JSON: Final = 2**20
MOST_MIDI: Final = 4 * 2**20
BODY_S: Final = 60.0
FORM_EXTRA: Final = 64 * 2**10  # of a form, beside its file
MIDI_TYPES: Final = ("audio/midi", "audio/mid", "audio/x-midi", "application/x-midi")
LISTS: Final = frozenset({"parts", "programs"})


async def read_request(
    request: Request, options: GenerationOptions, jobs: Jobs
) -> tuple[GenerationRequest, bytes | None]:
    """And the MIDI file, where the prompt is one. What the body says goes before `options`. Raises Problem."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Problem(415, "bad_encoding", "expected a body without Content-Encoding, got one with it")
    given = {name: getattr(options, name) for name in options.model_fields_set}
    if kind == "application/json":
        body = await _limited(request, MOST_JSON)
        said = await jobs.read(lambda: _checked(GenerationRequest.model_validate_json, body, strict=True))
        given |= {name: getattr(said, name) for name in said.model_fields_set}
        return _checked(GenerationRequest.model_validate, given), None
    if kind in MIDI_TYPES:
        return _checked(GenerationRequest.model_validate, given), await _limited(request, MOST_MIDI)
    if kind == "multipart/form-data":
        fields, midi = await _form(request)
        return _checked(GenerationRequest.model_validate, given | fields), midi
    expected = f"application/json, {MIDI_TYPES[0]} or multipart/form-data"
    raise Problem(415, "bad_type", f"expected a body of {expected}, got {kind or 'none'}")


def _checked(validate: Any, given: object, **options: Any) -> GenerationRequest:
    try:
        checked: GenerationRequest = validate(given, **options)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        if errors[0]["type"] == "json_invalid":
            raise Problem(
                400, "bad_json", f"expected one JSON object, got one that ends in: {errors[0]['msg']}"
            ) from None
        raise Problem(422, "bad_request", first_sentence(errors)) from None
    return checked


async def _limited(request: Request, most: int) -> bytes:
    """Never more in memory than `most`, nor longer than a minute, whatever is sent or claimed."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > most:
                    raise Problem(413, "too_large", f"expected a body of at most {most} bytes, got more")
    except TimeoutError:
        raise Problem(
            408, "too_slow", f"expected the body within {BODY_S:g} s, got a part", connection="close"
        ) from None
    return bytes(body)


async def _form(request: Request) -> tuple[dict[str, Any], bytes]:
    """Options by name, and the file `midi`."""
    body = await _limited(request, MOST_MIDI + FORM_EXTRA)

    async def once() -> AsyncGenerator[bytes, None]:
        yield body

    try:
        form = await MultiPartParser(request.headers, once(), max_files=1, max_fields=64).parse()
    except (MultiPartException, KeyError, ValueError) as error:  # what else it raises for bytes that are no form
        raise Problem(400, "bad_form", f"expected a form, got: {error}") from None
    try:
        file = form.get("midi")
        if not isinstance(file, UploadFile):
            raise Problem(422, "bad_request", "expected a file in the field midi, got none")
        midi = await file.read()
    finally:
        await form.close()
    if len(midi) > MOST_MIDI:
        raise Problem(413, "too_large", f"expected a MIDI file of at most {MOST_MIDI} bytes, got {len(midi)}")
    names = [name for name in form if name != "midi"]
    return {name: form.getlist(name) if name in LISTS else form[name] for name in names}, midi
