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
        {"program": 129},
        {"mode": "polka"},
        {"offset_ms": -501},
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
