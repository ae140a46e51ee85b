"""The protocol for programs: an AsyncAPI document, made of the message classes and of nothing else.

python -m streaming.asyncapi > docs/asyncapi.json
"""

import json
from typing import Any, Final, get_args

from pydantic import BaseModel

from streaming.messages import ClientMessage, ServerMessage
from streaming.wire import WIRES

VERSION: Final = "1"


def asyncapi() -> dict[str, Any]:
    """AsyncAPI 3.0: one channel, what a client sends into it and what it receives."""
    sent, received = _classes(ClientMessage), _classes(ServerMessage)
    schemas: dict[str, Any] = {}
    for kind in (*sent, *received):
        schema = kind.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= schema.pop("$defs", {})
        schemas[kind.__name__] = schema
    names = [kind.__name__ for kind in (*sent, *received)]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Tradefours, live",
            "version": VERSION,
            "description": f"WebSocket subprotocols: {', '.join(WIRES)}. docs/protocol.md says what it all means.",
        },
        "defaultContentType": "application/json",
        "servers": {"local": {"host": "127.0.0.1:8765", "protocol": "ws"}},
        "channels": {
            "live": {
                "address": "/v1/live",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
            }
        },
        "operations": {"send": _operation("send", sent), "receive": _operation("receive", received)},
        "components": {"messages": {kind.__name__: _message(kind) for kind in (*sent, *received)}, "schemas": schemas},
    }


def _classes(union: Any) -> list[type[BaseModel]]:
    return list(get_args(get_args(union)[0]))


def _operation(action: str, kinds: list[type[BaseModel]]) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": "#/channels/live"},
        "messages": [{"$ref": f"#/channels/live/messages/{kind.__name__}"} for kind in kinds],
    }


def _message(kind: type[BaseModel]) -> dict[str, Any]:
    summary = (kind.__doc__ or "").strip().partition("\n")[0]
    payload = {"$ref": f"#/components/schemas/{kind.__name__}"}
    return {"name": kind.model_fields["type"].default, "summary": summary, "payload": payload}


if __name__ == "__main__":
    print(json.dumps(asyncapi(), indent=2))
