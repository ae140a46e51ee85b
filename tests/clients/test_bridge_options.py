"""A wrong option never gets as far as a port."""

from pathlib import Path
from typing import Any

import pytest

from clients.bridge_options import BridgeOptions
from music.errors import BadSetting


@pytest.mark.parametrize(
    "wrong",
    [
        {"bpm": 1},
        {"meter": "4/5"},
        {"programs": (129,)},
        {"programs": ()},
        {"programs": (0,) * 15},
        {"input_parts": (0,)},
        {"input_parts": (17,)},
        {"input_parts": (2, 2)},
        {"input_parts": (1, 2), "inputs": ("left", "right")},
        {"mode": "polka"},
        {"offset_ms": -501},
        {"clock_offset_ms": 501},
        {"ports": "by-part", "output": "Synth"},
        {"url": "studio:8765"},
        {"url": "http://127.0.0.1:8765"},
        {"offset_ms": float("nan")},
        {"offset_ms": float("inf")},
        {"stats": Path("/nowhere/stats.json")},
        {"stats": Path("/")},
    ],
)
def test_a_wrong_option_is_refused_before_any_port_opens(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadSetting, match="expected"):
        BridgeOptions(**wrong).start()


def test_every_channel_of_the_players_is_a_part_and_the_machine_plays_those_behind() -> None:
    start = BridgeOptions(input_parts=(1, 10), programs=(32, 128)).start()
    assert [(player.part, player.program) for player in start.human] == [(0, 0), (1, 128)]
    assert [(player.part, player.program) for player in start.machine] == [(2, 32), (3, 128)]


def test_every_input_is_a_part() -> None:
    start = BridgeOptions(inputs=("left", "right")).start()
    assert [player.part for player in start.human] == [0, 1]
    assert [player.part for player in start.machine] == [2]
