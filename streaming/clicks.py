"""The count-in: a click on every beat before the music. Knows no plan and no network, which hears no clicks."""

from typing import Final

from music.score import Note
from music.time import Tick
from streaming.settings import Settings
from streaming.taste import DRUMS

STICK: Final = 37  # General MIDI: side stick
HIGH: Final = 84  # on an instrument with pitches
LENGTH: Final = 60  # ticks
FIRST, OTHER = 110, 80  # velocities: of a bar's first beat, and of the others


def count_in(settings: Settings, earliest: Tick) -> list[Note]:
    """By a drummer, if the machine has one, else by its first part."""
    parts = [part for part in sorted(settings.header.programs) if settings.machine >> part & 1]
    drummers = [part for part in parts if settings.header.programs[part] == DRUMS]
    part, pitch = (drummers[0], STICK) if drummers else (parts[0], HIGH)
    return [
        Note(Tick(beat), part, pitch, OTHER if beat % settings.bar else FIRST, LENGTH)
        for beat in range(0, settings.count_in, settings.beat)
        if beat >= earliest
    ]
