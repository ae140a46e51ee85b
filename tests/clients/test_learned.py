"""A knob that was moved once does its work from then on, on its own device, also after a restart; all else plays."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.learned import Learned, Move
from clients.wishes import Wish
from music.errors import BadSetting
from music.messages import control_change, note_off, note_on

KNOB = control_change(0, 21, 64)
PAD, PAD_UP = note_on(9, 36, 100), note_off(9, 36)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "kept" / "controllers.json"


def learned(file: Path, wish: Wish, message: bytes, device: str = "Piano") -> Learned:
    desk = Learned(file)
    desk.wanted = wish
    assert desk.learn(device, message)
    return desk


def test_a_knob_does_what_it_learned_on_its_device_alone(file: Path) -> None:
    desk = learned(file, Wish.DENSITY, KNOB)
    assert desk.wanted is None
    assert desk.hear("Piano", control_change(0, 21, 127)) == Move(Wish.DENSITY, 1.0, False)
    assert desk.hear("Pads", KNOB) is None
    assert desk.hear("Piano", control_change(1, 21, 5)) is None
    assert desk.hear("Piano", control_change(0, 22, 5)) is None
    assert desk.hear("Piano", note_on(0, 21, 5)) is None


def test_what_was_learned_outlives_the_program(file: Path) -> None:
    learned(file, Wish.DENSITY, KNOB)
    again = learned(file, Wish.PANIC, PAD, device="Pads")
    for desk in (again, Learned(file)):
        move = desk.hear("Piano", KNOB)
        assert move
        assert (move.wish, move.share) == (Wish.DENSITY, 64 / 127)
        assert desk.hear("Pads", PAD_UP) == Move(Wish.PANIC, 0.0, False)


def test_a_pad_is_pressed_when_it_goes_down_and_plays_no_note(file: Path) -> None:
    desk = learned(file, Wish.MUTE, PAD)
    moves = [desk.hear("Piano", message) for message in (PAD_UP, PAD, PAD_UP, PAD)]
    assert [move.is_press for move in moves if move] == [False, True, False, True]


def test_a_knob_that_is_turned_presses_once_on_its_way_up(file: Path) -> None:
    desk = learned(file, Wish.MODE, control_change(0, 21, 1))
    desk.hear("Piano", control_change(0, 21, 0))
    moves = [desk.hear("Piano", control_change(0, 21, value)) for value in range(128)]
    assert sum(move.is_press for move in moves if move) == 1


def test_the_press_that_is_learned_is_none(file: Path) -> None:
    desk = learned(file, Wish.PANIC, control_change(0, 21, 127))
    assert desk.hear("Piano", control_change(0, 21, 127)) == Move(Wish.PANIC, 1.0, False)


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        (Wish.DENSITY, PAD),  # a pad turns nothing
        (Wish.MUTE, control_change(0, 64, 127)),  # the sustain pedal plays
        (Wish.MUTE, PAD_UP),
        (Wish.DENSITY, control_change(0, 21, 0)),
        (Wish.DENSITY, b"\xe0\x00\x40"),
    ],
)
def test_what_cannot_be_meant_is_not_learned(file: Path, wish: Wish, message: bytes) -> None:
    desk = Learned(file)
    desk.wanted = wish
    assert not desk.learn("Piano", message)
    assert desk.wanted is wish
    assert desk.hear("Piano", message) is None


def test_what_learns_anew_forgets_what_it_was(file: Path) -> None:
    desk = learned(file, Wish.DENSITY, KNOB)
    desk.wanted = Wish.TEMPERATURE
    desk.learn("Piano", KNOB)
    assert desk.hear("Piano", KNOB) == Move(Wish.TEMPERATURE, 64 / 127, False)
    desk.wanted = Wish.TEMPERATURE
    desk.learn("Piano", control_change(0, 22, 1))
    assert desk.hear("Piano", KNOB) is None


def test_what_is_forgotten_plays_again_also_after_a_restart(file: Path) -> None:
    desk = learned(file, Wish.PANIC, PAD)
    desk.wanted = Wish.PANIC
    desk.forget()
    assert desk.wanted is None
    assert desk.hear("Piano", PAD) is None
    assert Learned(file).hear("Piano", PAD) is None


def test_a_folder_that_cannot_be_written_is_told_and_the_knob_works_all_the_same(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    desk = Learned(file)
    file.parent.touch()  # a file where a folder should be
    desk.wanted = Wish.DENSITY
    assert desk.learn("Piano", KNOB)
    assert desk.hear("Piano", KNOB)
    assert "expected to keep that in" in caplog.text


@pytest.mark.parametrize("content", ["", "[]", '{"Piano": {"volume": {"kind": "key", "number": 1, "channel": 1}}}'])
def test_a_damaged_file_is_told_in_one_sentence(tmp_path: Path, content: str) -> None:
    file = tmp_path / "controllers.json"
    file.write_text(content)
    with pytest.raises(BadSetting, match="expected a file of learned controllers at"):
        Learned(file)


@given(st.binary(max_size=4))
def test_nothing_that_a_port_says_does_harm(message: bytes) -> None:
    desk = Learned(Path("/nowhere/controllers.json"))
    assert not desk.learn("Piano", message)
    assert desk.hear("Piano", message) is None
