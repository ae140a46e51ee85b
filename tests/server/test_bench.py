"""Every measurement is a command with the same two options, and is described."""

import inspect
from pathlib import Path

import pytest

from server.bench import bench
from tests.conftest import ROOT

COMMANDS = {command.callback.__name__: command.callback for command in bench.registered_commands if command.callback}
DOCS = (ROOT / "docs/benchmarks.md").read_text()


def test_all_measurements_are_there() -> None:
    assert set(COMMANDS) == {
        "live",
        "decode",
        "prefill",
        "sharing",
        "sessions",
        "jitter",
        "performing",
        "ports",
        "replug",
        "overload",
        "capacity",
        "doors",
    }


@pytest.mark.parametrize("name", COMMANDS)
def test_a_measurement_may_be_quick_writes_json_and_is_described(name: str) -> None:
    options = inspect.signature(COMMANDS[name]).parameters
    assert options["quick"].default is False
    assert options["json_file"].annotation.__origin__ == Path | None
    assert f"| `{name}` |" in DOCS
