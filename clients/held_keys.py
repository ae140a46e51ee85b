"""The keyboard as the player holds it: MIDI bytes in, keys down and up out, the sustain pedal folded in.

Knows no port, no clock and no ticks; moments are given in nanoseconds.
"""

from dataclasses import dataclass
from typing import Final

from music.messages import ALL_NOTES_OFF, ALL_SOUND_OFF, PEDAL_DOWN, SUSTAIN, ControlChange, KeyDown, KeyUp, parse
from music.time import Nanos

LONGEST_HOLD: Final = Nanos(10_000_000_000)  # after this a key counts as up: its keyboard may have gone


@dataclass(frozen=True, slots=True)
class KeyEvent:
    at: Nanos
    pitch: int  # 0..127
    velocity: int  # 1..127; 0 means that the key, or the pedal that held it, came up


class HeldKeys:
    """One keyboard, all channels as one. Every down is followed by exactly one up. Use from one thread."""

    def __init__(self) -> None:
        self._held: dict[int, Nanos] = {}  # pitch: down since
        self._pedalled: set[int] = set()  # their keys are up, the pedal holds them
        self._pedal_down: set[int] = set()  # channels

    def hear(self, message: bytes, at: Nanos) -> list[KeyEvent]:
        """What one MIDI message changes; empty for everything but keys, the pedal and all-notes-off."""
        match parse(message):
            case KeyDown(_, pitch, velocity):
                return self._down(pitch, velocity, at)
            case KeyUp(channel, pitch) if channel in self._pedal_down and pitch in self._held:
                self._pedalled.add(pitch)
            case KeyUp(_, pitch):
                return self._up([pitch], at)
            case ControlChange(channel, control, value) if control == SUSTAIN:
                return self._pedal(channel, value >= PEDAL_DOWN, at)
            case ControlChange(_, control, _) if control in (ALL_SOUND_OFF, ALL_NOTES_OFF):
                return self.release_all(at)
        return []

    def release_stuck(self, now: Nanos) -> list[KeyEvent]:
        """Ups for keys held for more than ten seconds; a key-up that comes later changes nothing."""
        return self._up([pitch for pitch, since in self._held.items() if now - since > LONGEST_HOLD], now)

    def release_all(self, at: Nanos) -> list[KeyEvent]:
        return self._up(list(self._held), at)

    def _down(self, pitch: int, velocity: int, at: Nanos) -> list[KeyEvent]:
        events = self._up([pitch], at)  # a key struck again under the pedal ends its older note
        self._held[pitch] = at
        return [*events, KeyEvent(at, pitch, velocity)]

    def _up(self, pitches: list[int], at: Nanos) -> list[KeyEvent]:
        held = [pitch for pitch in pitches if pitch in self._held]
        for pitch in held:
            del self._held[pitch]
            self._pedalled.discard(pitch)
        return [KeyEvent(at, pitch, 0) for pitch in held]

    def _pedal(self, channel: int, down: bool, at: Nanos) -> list[KeyEvent]:
        if down:
            self._pedal_down.add(channel)
            return []
        self._pedal_down.discard(channel)
        return self._up(sorted(self._pedalled), at)
