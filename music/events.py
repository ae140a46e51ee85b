"""Live happenings at a keyboard: what goes in and out of a session."""

from dataclasses import dataclass

from music.time import Tick


@dataclass(frozen=True, slots=True)
class NoteOn:
    tick: Tick  # onset, counted from the start of the session
    part: int  # 0..15, the player
    pitch: int  # 0..127
    velocity: int  # 1..127; a MIDI note-on with velocity 0 is a NoteOff


@dataclass(frozen=True, slots=True)
class NoteOff:
    tick: Tick
    part: int
    pitch: int
