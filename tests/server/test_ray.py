"""What Ray is asked for, as far as that shows without it; tests/end_to_end/test_ray.py has it."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from music.errors import BadSetting
from server.ray_app import Replica, check
from server.ray_batch import write_some
from server.settings import Settings
from streaming.generations import GenerationOptions
from tests.server.rest.test_routes import MIDI

KEY = "0123456789abcdef"


@pytest.mark.parametrize(
    ("given", "token", "wanted"),
    [
        ({"journal": "j"}, "t", "expected a key for players"),
        ({"key": KEY, "journal": "j"}, "", "expected a token for Ray"),
        ({"key": KEY}, "t", "expected a folder of journals"),
    ],
)
def test_who_leaves_a_door_open_or_sets_to_chance_is_told(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, Any], token: str, wanted: str
) -> None:
    monkeypatch.delenv("RAY_AUTH_TOKEN_PATH", raising=False)
    monkeypatch.setenv("RAY_AUTH_TOKEN", token)
    with pytest.raises(BadSetting, match=wanted):
        check(Settings(**given))


def test_with_all_three_it_may_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", "t")
    check(Settings.read({"TRADEFOURS_KEY": KEY}, journal=tmp_path))


@pytest.mark.parametrize(("trouble", "is_closing", "is_ill"), [(None, False, False), ("it broke", False, True)])
def test_a_replica_is_ill_when_nobody_can_play_in_it(trouble: str | None, is_closing: bool, is_ill: bool) -> None:
    replica = Replica({"model": "tiny"})
    replica._stage = SimpleNamespace(trouble=trouble, is_closing=is_closing)
    if is_ill:
        with pytest.raises(RuntimeError, match="it broke"):
            replica.check_health()
    else:
        replica.check_health()


def test_a_piece_is_the_same_in_whatever_task_it_is_written() -> None:
    options = GenerationOptions(bars=1)
    together = write_some(MIDI, options, range(3), "tiny")
    assert [
        piece for seed in range(3) for piece in write_some(MIDI, options, range(seed, seed + 1), "tiny")
    ] == together
