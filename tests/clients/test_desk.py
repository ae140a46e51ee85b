"""Keys of the computer and knobs of a device change the same things, and say what they wait for."""

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from clients.desk import HELP, LEARN, PRESSES, STEPS, Desk
from clients.learned import Learned
from clients.wishes import RANGES, Wish, Wishes
from music.messages import control_change, note_on
from streaming.messages import Control, Start

KNOB = control_change(0, 21, 127)
Make = Callable[[], tuple[Desk, Wishes, list[str]]]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def desk() -> tuple[Desk, Wishes, list[str]]:
        wishes, done = Wishes(Start()), list[str]()
        learned = Learned(tmp_path / "controllers.json")
        return Desk(wishes, learned, end=lambda: done.append("end"), panic=lambda: done.append("panic")), wishes, done

    return desk


def test_every_wish_has_a_key_and_those_that_turn_have_two() -> None:
    assert {*STEPS.values()} == {*RANGES}
    assert {*STEPS.values(), *PRESSES.values()} == {*Wish}
    assert len({*STEPS, *PRESSES, LEARN, HELP}) == len(STEPS) + len(PRESSES) + 2


def test_keys_change_what_they_say(make: Make) -> None:
    desk, wishes, done = make()
    for key in ["T", "d", "S", "m", "x", "e", "p", "\n", "q", "M"]:
        desk.type(key)
    assert wishes.news() == Control(temperature=1.0, density=-0.25, leave_space=0.25, mode="duet", mute=(1,))
    assert done == ["end", "panic"]


def test_a_knob_learns_and_then_turns(make: Make) -> None:
    desk, wishes, _ = make()
    assert not desk.hear("Piano", KNOB)
    desk.type(LEARN)
    assert desk.waits_for.startswith("learn what?")
    desk.type("d")
    assert "density" in desk.waits_for
    assert wishes.news() is None  # the key was no step
    assert not desk.hear("Piano", note_on(0, 60, 1))  # music meanwhile is music
    assert desk.hear("Piano", KNOB)
    assert desk.waits_for == ""
    assert wishes.news() is None
    assert desk.hear("Piano", KNOB)
    assert wishes.news() == Control(density=1.0)


def test_a_button_learns_and_then_presses(make: Make) -> None:
    desk, _, done = make()
    for key in (LEARN, "p"):
        desk.type(key)
    for value in (127, 0, 127, 0):
        assert desk.hear("Piano", control_change(0, 30, value))
    assert done == ["panic"]


def test_learning_is_called_off_by_its_key_and_a_wish_forgotten_by_its_own(make: Make) -> None:
    desk, _, _ = make()
    for keys in (LEARN * 2, LEARN + "d" + LEARN):
        for key in keys:
            desk.type(key)
        assert desk.waits_for == ""
        assert not desk.hear("Piano", KNOB)
    for key in LEARN + "d":
        desk.type(key)
    assert desk.hear("Piano", KNOB)
    for key in LEARN + "dd":
        desk.type(key)
    assert desk.waits_for == ""
    assert not desk.hear("Piano", KNOB)


def test_the_help_names_every_key(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    make()[0].type(HELP)
    for key, wish in (STEPS | PRESSES).items():
        assert f"{key} {wish}" in caplog.text or f"{key}/{key.upper()} {wish}" in caplog.text
