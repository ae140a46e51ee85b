"""The bodies of a request for a generation, for the OpenAPI document. Knows no route."""

from typing import Any, Final

from streaming.generations import GenerationOptions, GenerationRequest

SCALE: Final = [
    {"tick": 480 * i, "duration": 480, "part": 0, "pitch": pitch, "velocity": 80}
    for i, pitch in enumerate((60, 62, 64, 65, 67, 65, 64, 62))
]
EXAMPLES: Final = {
    "continue": {
        "summary": "Three continuations of two bars",
        "value": {"mode": "continue", "variations": 3, "bars": 4, "seed": 1, "notes": SCALE},
    },
    "accompany": {
        "summary": "A bass under a melody, in its key",
        "value": {"mode": "accompany", "programs": [33], "key": "C major", "notes": SCALE, "instruments": [0]},
    },
    "fill": {
        "summary": "The second bar anew",
        "value": {"mode": "fill", "from_bar": 2, "bars": 1, "notes": SCALE},
    },
}


def _options() -> dict[str, Any]:
    return GenerationOptions.model_json_schema()


def _request() -> dict[str, Any]:
    """With the schema of a note where it is used: an OpenAPI document has its definitions elsewhere."""
    schema = GenerationRequest.model_json_schema()
    schema["properties"]["notes"]["items"] = schema.pop("$defs")["PromptNote"]
    return schema


def _form() -> dict[str, Any]:
    schema = _options()
    file = {"type": "string", "format": "binary", "description": "A MIDI file: the prompt."}
    return {
        **schema,
        "title": "GenerationForm",
        "properties": {"midi": file, **schema["properties"]},
        "required": ["midi"],
    }


REQUEST_BODY: Final = {
    "required": True,
    "content": {
        "application/json": {"schema": _request(), "examples": EXAMPLES},
        "audio/midi": {"schema": {"type": "string", "format": "binary"}},
        "multipart/form-data": {"schema": _form()},
    },
}
