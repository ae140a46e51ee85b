"""What was wrong with a message, in one sentence: expected, got. Knows only validation errors."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, get_args

from pydantic import ValidationError

from streaming.messages import ClientMessage

TYPES: Final = ", ".join(sorted(kind.model_fields["type"].default for kind in get_args(get_args(ClientMessage)[0])))


def complaint(error: ValidationError) -> tuple[str, str]:
    """(code, sentence) for the first thing that is wrong with a message."""
    first = error.errors(include_url=False)[0]
    match first["type"]:
        case "json_invalid":
            return "bad_json", f"expected one JSON object, got {_shown(first['input'])}"
        case "union_tag_invalid" | "union_tag_not_found":
            return "bad_type", f"expected a type among {TYPES}, got {_shown(_type_of(first['input']))}"
    return "bad_message", objection(first, first["loc"][1:], "message")  # loc[0] is the message's type


def objection(first: Mapping[str, Any], place: Sequence[object], whole: str) -> str:
    """A sentence for one thing that pydantic has found wrong: at `place`, in a `whole` of fields."""
    got, field = _shown(first.get("input")), ".".join(map(str, place)) or whole
    claim = first["msg"].removeprefix("Value error, ")
    if first["type"] == "missing":
        return f"expected the field {field}, got none"
    if first["type"] == "extra_forbidden":
        return f"expected no field {field}, got {got}"
    if claim.startswith("expected ") and first["type"] == "value_error":
        return str(claim)
    if claim.startswith("Input should "):
        return f"expected {field} to {claim.removeprefix('Input should ')}, got {got}"
    return f"expected another {field} ({claim[:1].lower()}{claim[1:]}), got {got}"


def _type_of(message: Any) -> Any:
    return message.get("type", "none") if isinstance(message, dict) else message


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
