"""What is said to `tradefours run` about its ports reaches its bridge, as if that had been told itself."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from clients import bridge as bridge_module
from clients.bridge_options import BridgeOptions
from music.errors import BadSetting
from server import drain, play
from server.bridge_flags import FLAGS
from server.cli import app

SAID: dict[str, Any] = {
    "inputs": ("PIANO", "PADS, too"),
    "output": "SYNTH",
    "ports": "by-channel",
    "api": "jack",
    "mode": "trade",
    "bpm": 97.5,
    "meter": "6/8",
    "offset_ms": -12.0,
    "clock_offset_ms": 8.0,
    "programs": (0, 33, 128),
    "input_parts": (),
    "clock": "link",
    "tap": 80,
    "thru": True,
    "record": Path("set.mid"),
    "active_sensing": True,
    "exact": True,
    "seed": 7,
    "temperature": 1.1,
    "key": "F# minor",
    "chords": "Am7 | D7",
    "density": -0.5,
    "leave_space": 1.0,
    "trade_bars": 2,
    "count_in_bars": 1,
    "prompt": Path("prompt.mid"),
    "controllers": Path("knobs.json"),
}


def arguments_of(options: dict[str, Any]) -> list[str]:
    """As a user would write them."""
    names = {"inputs": "in", "output": "out", "programs": "program"}
    arguments: list[str] = []
    for field, value in options.items():
        name = "--" + names.get(field, field.replace("_", "-"))
        if field == "input_parts":
            arguments += [f"{name}={','.join(map(str, value))}"] if value else []
        elif isinstance(value, tuple):
            arguments += [f"{name}={each}" for each in value]
        else:
            arguments += [name] if value is True else [f"{name}={value}"]
    return arguments


@pytest.fixture
def bridged(monkeypatch: pytest.MonkeyPatch) -> list[BridgeOptions]:
    """What bridges were started with."""
    started: list[BridgeOptions] = []

    def run(options: BridgeOptions, keyboard: object) -> int:
        started.append(options)
        return 0

    monkeypatch.setattr(bridge_module, "run_bridge", run)
    monkeypatch.setattr(BridgeOptions, "start", lambda options: None)  # which would read the prompt
    return started


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What `run` says to the bridge beside it."""
    told: list[list[str]] = []

    def play_nothing(settings: object, load: object, arguments: list[str], *, api: str | None, **_: object) -> int:
        told.append(arguments)
        return 0

    monkeypatch.setattr(play, "play", play_nothing)
    monkeypatch.setattr(drain, "leave", lambda code: None)
    return told


def say(*arguments: str) -> None:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output


def test_every_option_of_the_bridge_is_one_of_the_command_line() -> None:
    assert set(SAID) == set(FLAGS)


@pytest.mark.parametrize("more", [{}, {"inputs": (), "input_parts": (1, 2, 10)}])
def test_what_is_said_to_run_reaches_its_bridge(
    bridged: list[BridgeOptions], played: list[list[str]], more: dict[str, Any]
) -> None:
    said = SAID | more
    say("run", *arguments_of(said))
    say("bridge", *played[0])
    assert bridged == [BridgeOptions(**said)]


def test_what_is_not_said_is_as_the_bridge_has_it(bridged: list[BridgeOptions], played: list[list[str]]) -> None:
    say("run")
    assert played == [[]]
    say("bridge")
    assert bridged == [BridgeOptions()]


def test_channels_that_are_none_are_refused() -> None:
    with pytest.raises(BadSetting, match="such as 1,2,10, got 'drums'"):
        CliRunner().invoke(app, ["bridge", "--input-parts", "drums"], catch_exceptions=False)
