"""Notes, parts and scores: music as values. Knows neither bytes nor tokens."""

from dataclasses import dataclass, field

from music.time import MeterChange, Tempo, Tick

DRUMS = 128  # the program of a drum part; 0..127 are General MIDI


@dataclass(frozen=True, slots=True, order=True)
class Note:
    """A finished note. Sorting is by onset, part, pitch."""

    onset: Tick
    part: int  # 0..15, the player
    pitch: int  # 0..127, 60 is middle C
    velocity: int  # 1..127
    duration: int  # ticks, at least 1

    @property
    def end(self) -> Tick:
        return Tick(self.onset + self.duration)


@dataclass(frozen=True, slots=True)
class Part:
    program: int = 0  # 0..127, or DRUMS
    name: str = ""

    @property
    def is_drums(self) -> bool:
        return self.program == DRUMS


@dataclass(frozen=True, slots=True)
class Score:
    """A whole piece. `notes` are sorted, their `part` indexes `parts`; sustain pedal is already in the durations."""

    parts: tuple[Part, ...]
    notes: tuple[Note, ...]
    tempos: tuple[Tempo, ...] = field(default=(Tempo(Tick(0), 500_000),))
    meters: tuple[MeterChange, ...] = ()

    @property
    def end(self) -> Tick:
        return max((note.end for note in self.notes), default=Tick(0))
