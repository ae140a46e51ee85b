import mido
import pytest
from hypothesis import given
from hypothesis import strategies as st

from music.errors import BadMidi
from music.messages import (
    ControlChange,
    KeyDown,
    KeyUp,
    control_change,
    note_off,
    note_on,
    panic_messages,
    parse,
)
from tests.strategies import pitches, velocities

channels = st.integers(0, 15)
sevens = st.integers(0, 127)


@given(channels, pitches, velocities)
def test_what_is_sent_is_what_is_heard(channel: int, pitch: int, velocity: int) -> None:
    assert parse(note_on(channel, pitch, velocity)) == KeyDown(channel, pitch, velocity)
    assert parse(note_off(channel, pitch)) == KeyUp(channel, pitch)


@given(channels, sevens, sevens)
def test_controls_are_heard_with_their_value(channel: int, control: int, value: int) -> None:
    assert parse(control_change(channel, control, value)) == ControlChange(channel, control, value)


@given(channels, pitches, velocities)
def test_another_library_hears_the_same(channel: int, pitch: int, velocity: int) -> None:
    down = mido.Message("note_on", channel=channel, note=pitch, velocity=velocity)
    assert mido.Message.from_bytes(note_on(channel, pitch, velocity)) == down
    assert mido.Message.from_bytes(note_off(channel, pitch)).type == "note_off"


@given(channels, pitches)
def test_a_note_on_of_velocity_0_is_a_key_coming_up(channel: int, pitch: int) -> None:
    assert parse([0x90 | channel, pitch, 0]) == KeyUp(channel, pitch)


def test_a_panic_lifts_the_pedal_before_it_ends_the_notes() -> None:
    heard = [parse(message) for message in panic_messages(3)]
    assert heard == [ControlChange(3, control, 0) for control in (64, 123, 120)]


@pytest.mark.parametrize(
    "message",
    [
        [0xF8],  # clock
        [0xFE],  # active sensing
        [0xF2, 0, 1],  # song position
        [0xF0, 0x7E, 0xF7],  # sysex of the length of a note
        [0xC0, 5],  # program
        [0xD0, 5],  # pressure
        [0xA0, 60, 5],
        [0xE0, 0, 64],  # bend
        [60, 64, 64],  # no status
        [0x90, 60],
        [0x90, 200, 64],
        [0x90, 60, 200],
        [],
    ],
)
def test_what_is_neither_key_nor_control_is_nothing(message: list[int]) -> None:
    assert parse(message) is None


@given(st.one_of(st.binary(max_size=5), st.lists(st.integers(), max_size=5)))
def test_listening_never_fails_and_hears_only_what_midi_can_say(message: bytes | list[int]) -> None:
    match parse(message):
        case KeyDown(channel, pitch, velocity):
            assert 0 <= channel <= 15
            assert 0 <= pitch <= 127
            assert 1 <= velocity <= 127
        case KeyUp(channel, pitch):
            assert 0 <= channel <= 15
            assert 0 <= pitch <= 127
        case ControlChange(channel, control, value):
            assert 0 <= channel <= 15
            assert 0 <= control <= 127
            assert 0 <= value <= 127


@pytest.mark.parametrize(
    ("channel", "pitch", "velocity"), [(16, 60, 64), (0, 128, 64), (0, 60, 128), (0, -1, 64), (0, 60, 0)]
)
def test_what_midi_cannot_say_is_not_sent(channel: int, pitch: int, velocity: int) -> None:
    with pytest.raises(BadMidi, match="expected"):
        note_on(channel, pitch, velocity)
