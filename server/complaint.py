"""What was wrong with a message, in one sentence: expected, got. Knows only validation errors."""

from typing import Any, Final, get_args

from pydantic import ValidationError

from streaming.messages import ClientMessage

TYPES: Final = ", ".join(sorted(kind.model_fields["type"].default for kind in get_args(get_args(ClientMessage)[0])))


def complaint(error: ValidationError) -> tuple[str, str]:
    """(code, sentence) for the first thing that is wrong."""
    first = error.errors(include_url=False)[0]
    kind, got = first["type"], _shown(first["input"])
    field = ".".join(map(str, first["loc"][1:])) or "message"  # loc[0] is the message's type
    match kind:
        case "json_invalid":
            return "bad_json", f"expected one JSON object, got {got}"
        case "union_tag_invalid" | "union_tag_not_found":
            return "bad_type", f"expected a type among {TYPES}, got {_shown(_type_of(first['input']))}"
        case "missing":
            return "bad_message", f"expected the field {field}, got none"
        case "extra_forbidden":
            return "bad_message", f"expected no field {field}, got {got}"
        case _:
            claim = first["msg"]
            if claim.startswith("Input should "):
                return "bad_message", f"expected {field} to {claim.removeprefix('Input should ')}, got {got}"
            return "bad_message", f"expected another {field} ({claim[:1].lower()}{claim[1:]}), got {got}"


def _type_of(message: Any) -> Any:
    return message.get("type", "none") if isinstance(message, dict) else message


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
