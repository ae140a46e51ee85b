"""What docs/protocol.md says is what the server does."""

import re
from typing import Any, get_args

import pytest

from server import connection, outbox
from streaming.messages import (
    ClientMessage,
    PlannedNote,
    PlayerPart,
    PromptNote,
    ServerMessage,
    Start,
    client_message,
    server_message,
)
from tests.conftest import ROOT

PROTOCOL = (ROOT / "docs/protocol.md").read_text()
EXAMPLE = re.findall(r"^([→←]) (\{.*\})$", PROTOCOL, re.MULTILINE)
MESSAGES = [
    (side, message)
    for side, union in (("From the client", ClientMessage), ("From the server", ServerMessage))
    for message in get_args(get_args(union)[0])
]


def section(title: str, level: int, text: str = PROTOCOL) -> str:
    """What stands under a heading, up to the next of its level or above."""
    parts = re.split(rf"^#{{1,{level}}} (.+)$", text, flags=re.MULTILINE)
    found: list[str] = [body for name, body in zip(parts[1::2], parts[2::2], strict=True) if name == title]
    assert len(found) == 1, f"expected one heading {title}, got {len(found)}"
    return found[0]


@pytest.mark.parametrize(("side", "message"), MESSAGES)
def test_every_message_is_described_with_all_its_fields_and_no_other(side: str, message: Any) -> None:
    name = message.model_fields["type"].default
    text = section(f"`{name}`", 3, section(side, 2))
    fields = text.split("| code |")[0]  # the table of error codes is no table of fields
    assert set(re.findall(r"^\| `(\w+)` \|", fields, re.MULTILINE)) == set(message.model_fields) - {"type", "seq"}


@pytest.mark.parametrize(("side", "message"), [each for each in MESSAGES if each[0] == "From the client"])
def test_every_default_is_as_written(side: str, message: Any) -> None:
    text = section(f"`{message.model_fields['type'].default}`", 3, section(side, 2))
    for name, field in message.model_fields.items():
        row = re.search(rf"^\| `{name}` \| .+? \| (.*?) \|", text, re.MULTILINE)
        if row is None or (message is Start and name in ("human", "machine")):
            continue
        assert row[1].strip("`") == ("required" if field.is_required() else shown(field.default)), name


def shown(default: Any) -> str:
    if isinstance(default, float):
        return f"{default:g}"
    return {None: "null", "": '""'}.get(default, str(default))


def test_the_parts_of_messages_are_described() -> None:
    assert f"`{{{', '.join(PlannedNote.model_fields)}}}`" in section("`plan`", 3)
    assert f"`{{{', '.join(PlayerPart.model_fields)}}}`" in section("`start`", 3)
    assert f"`{{{', '.join(PromptNote.model_fields)}}}`" in section("`start`", 3)


def test_the_example_is_made_of_real_messages_in_order() -> None:
    seqs: dict[str, list[int]] = {"→": [], "←": []}
    for arrow, text in EXAMPLE:
        refused = '"pitch": 200' in text and arrow == "→"
        adapter: Any = client_message if arrow == "→" else server_message
        if refused:
            with pytest.raises(ValueError, match="pitch"):
                adapter.validate_json(text, strict=True)
            seqs[arrow].append(seqs[arrow][-1] + 1)
        else:
            seqs[arrow].append(adapter.validate_json(text, strict=True).seq)
    assert seqs == {"→": list(range(8)), "←": list(range(6))}


def test_every_error_code_of_the_server_is_in_the_table_and_no_other() -> None:
    source = "".join(file.read_text() for file in (ROOT / "server").glob("*.py"))
    used = set(re.findall(r'(?:Refused\(|code=|self\._complain\(|return )"([a-z]+(?:_[a-z]+)?)",', source))
    written = set(re.findall(r"^\| `(\w+)` \| (?:yes|no) \|", PROTOCOL, re.MULTILINE))
    assert used == written


def test_every_close_code_of_the_server_is_in_the_table() -> None:
    written = {int(code) for code in re.findall(r"^\| (\d{4}) \|", section("Close codes", 2), re.MULTILINE)}
    ours = {outbox.LEFT, connection.STOPPING, connection.FULL, connection.BROKEN, connection.SILENT}
    assert written == ours | {outbox.TOO_SLOW, 1007, 1008, 1009}  # the last three are told below messages
