"""How much of a MIDI file we are willing to read. Knows nothing of what is in it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class MidiLimits:
    """Files come from strangers: every size that a file can claim has a bound."""

    file_bytes: int = 4 * 2**20
    tracks: int = 128
    events: int = 200_000
    ticks: int = 2**31  # in the file's own division
    payload_bytes: int = 64 * 2**10  # of one meta or sysex event
    seconds: int = 2 * 60 * 60
    meters: int = 10_000  # changes of meter: each costs whoever counts bars


DEFAULT_LIMITS = MidiLimits()
