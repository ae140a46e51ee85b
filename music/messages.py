"""The bytes of live MIDI: what goes out to a port, and what comes in from one. Knows no time, parts or ports."""

from collections.abc import Sequence
from dataclasses import dataclass

from music.errors import BadMidi

# Status bytes; the channel is in their lower half. From SYSTEM on (clock, active sensing, sysex) they have none.
NOTE_OFF, NOTE_ON, CONTROL, PROGRAM, SYSTEM = 0x80, 0x90, 0xB0, 0xC0, 0xF0

# A clock: a place in the song in sixteenths, 24 pulses to the quarter note, and what a DAW's transport does.
SONG_POSITION, PULSE, START, CONTINUE, STOP = 0xF2, 0xF8, 0xFA, 0xFB, 0xFC
TRANSPORT = frozenset({SONG_POSITION, PULSE, START, CONTINUE, STOP})
ACTIVE_SENSING = 0xFE  # "I am still here": a synthesiser that stops hearing it falls silent

SUSTAIN, ALL_SOUND_OFF, ALL_NOTES_OFF = 64, 120, 123  # controllers
PEDAL_DOWN = 64  # the sustain pedal is down from this value on


@dataclass(frozen=True, slots=True)
class KeyDown:
    channel: int  # 0..15
    pitch: int
    velocity: int  # 1..127


@dataclass(frozen=True, slots=True)
class KeyUp:
    channel: int
    pitch: int


@dataclass(frozen=True, slots=True)
class ControlChange:
    channel: int
    control: int  # SUSTAIN is the one that matters here
    value: int


def note_on(channel: int, pitch: int, velocity: int) -> bytes:
    """`velocity` 1..127: a velocity of 0 would be the end of a note."""
    if not 1 <= velocity <= 127:
        raise BadMidi(f"expected a velocity of 1 to 127, got {velocity}")
    return _message(NOTE_ON, channel, pitch, velocity)


def note_off(channel: int, pitch: int) -> bytes:
    """A true note-off, not a note-on of velocity 0: some instruments keep the two apart."""
    return _message(NOTE_OFF, channel, pitch, 0)


def control_change(channel: int, control: int, value: int) -> bytes:
    return _message(CONTROL, channel, control, value)


def is_pressed(message: Sequence[int], control: int) -> bool:
    """The pedal or button of this controller goes down."""
    change = parse(message)
    return isinstance(change, ControlChange) and change.control == control and change.value >= PEDAL_DOWN


def song_position(sixteenths: int) -> bytes:
    """Where the next start of the song is to be; 14 bits of it."""
    return bytes((SONG_POSITION, sixteenths & 0x7F, sixteenths >> 7 & 0x7F))


def panic_messages(channel: int) -> list[bytes]:
    """What silences a channel: the pedal first, for under it all-notes-off only begins to wait."""
    return [control_change(channel, control, 0) for control in (SUSTAIN, ALL_NOTES_OFF, ALL_SOUND_OFF)]


def parse(message: Sequence[int]) -> KeyDown | KeyUp | ControlChange | None:
    """One whole message, as a port hands it over. None for whatever is neither a key nor a control, damaged or not.

    Never raises: a port's callback has nobody to raise to.
    """
    if len(message) != 3 or not 0x80 <= message[0] < SYSTEM:
        return None
    status, first, second = message
    kind, channel = status & 0xF0, status & 0x0F
    if not (0 <= first <= 127 and 0 <= second <= 127):
        return None
    if kind == NOTE_ON and second:
        return KeyDown(channel, first, second)
    if kind in (NOTE_ON, NOTE_OFF):
        return KeyUp(channel, first)
    if kind == CONTROL:
        return ControlChange(channel, first, second)
    return None


def _message(kind: int, channel: int, first: int, second: int) -> bytes:
    if not (0 <= channel <= 15 and 0 <= first <= 127 and 0 <= second <= 127):
        raise BadMidi(f"expected channel 0 to 15 and data bytes 0 to 127, got {channel}, {first}, {second}")
    return bytes((kind | channel, first, second))
