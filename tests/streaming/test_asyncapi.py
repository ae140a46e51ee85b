"""The document for programs says what the classes say."""

import json
from typing import Any

import pytest

from streaming.asyncapi import asyncapi
from streaming.messages import client_message, server_message
from tests.conftest import ROOT

DOCUMENT = asyncapi()


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [each for value in node.values() for each in references(value)]
    return [each for value in node for each in references(value)] if isinstance(node, list) else []


def test_the_written_document_is_the_generated_one() -> None:
    written = json.loads((ROOT / "docs/asyncapi.json").read_text())
    assert written == json.loads(json.dumps(DOCUMENT)), "python -m streaming.asyncapi > docs/asyncapi.json"


@pytest.mark.parametrize("reference", sorted(set(references(DOCUMENT))))
def test_every_reference_leads_somewhere(reference: str) -> None:
    node: Any = DOCUMENT
    for step in reference.removeprefix("#/").split("/"):
        node = node[step]
    assert node


@pytest.mark.parametrize(("operation", "adapter"), [("send", client_message), ("receive", server_message)])
def test_every_message_of_either_side_is_there_under_its_own_name(operation: str, adapter: Any) -> None:
    types = {each["const"] for each in tags(adapter.json_schema())}
    said = set()
    for message in DOCUMENT["operations"][operation]["messages"]:
        name = message["$ref"].rpartition("/")[2]
        said.add(DOCUMENT["components"]["messages"][name]["name"])
        assert DOCUMENT["components"]["schemas"][name]["properties"]["type"]["const"] in said
    assert said == types


def tags(schema: dict[str, Any]) -> list[dict[str, Any]]:
    names = [reference.rpartition("/")[2] for reference in schema["discriminator"]["mapping"].values()]
    return [schema["$defs"][name]["properties"]["type"] for name in names]
