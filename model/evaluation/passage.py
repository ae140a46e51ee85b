"""A few bars of music in one meter and one tempo: what every measure is a function of."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from music.score import DRUMS, Note, Part, Score
from music.time import TICKS_PER_QUARTER, Meter, MeterChange, Tempo, Tick


@dataclass(frozen=True, slots=True)
class Passage:
    notes: tuple[Note, ...]  # sorted; onsets counted from the first bar line, none after the last
    programs: tuple[int, ...]  # by part
    bars: int
    meter: Meter = Meter()
    bpm: float = 120.0

    @property
    def ticks(self) -> int:
        return self.bars * self.meter.bar_ticks

    @property
    def pitched(self) -> tuple[Note, ...]:
        """All notes but the drums'."""
        return tuple(note for note in self.notes if self.programs[note.part] != DRUMS)

    @property
    def by_bar(self) -> list[list[Note]]:
        """The notes that begin in each bar."""
        bars: list[list[Note]] = [[] for _ in range(self.bars)]
        for note in self.notes:
            bars[note.onset // self.meter.bar_ticks].append(note)
        return bars

    def seconds(self, ticks: float) -> float:
        return ticks * 60 / (self.bpm * TICKS_PER_QUARTER)

    def cut(self, first: int, bars: int) -> "Passage":
        """`bars` bars from bar `first` on; what still sounds at the end is cut there."""
        start, stop = first * self.meter.bar_ticks, (first + bars) * self.meter.bar_ticks
        return replace(self, notes=trimmed(self.notes, start, stop), bars=bars)

    def then(self, after: "Passage") -> "Passage":
        """This, and `after` behind it; where `after` has more players than this, they are here, silent."""
        moved = (replace(note, onset=Tick(note.onset + self.ticks)) for note in after.notes)
        programs = max(self.programs, after.programs, key=len)
        return replace(self, notes=(*self.notes, *moved), programs=programs, bars=self.bars + after.bars)

    def joined(self, other: "Passage") -> "Passage":
        """Both at once."""
        return replace(self, notes=tuple(sorted((*self.notes, *other.notes))))

    def parts(self, wanted: Iterable[int]) -> "Passage":
        """Only the notes of these parts; the others stay, silent."""
        kept = set(wanted)
        return replace(self, notes=tuple(note for note in self.notes if note.part in kept))

    def score(self) -> Score:
        return Score(
            tuple(Part(program) for program in self.programs),
            self.notes,
            (Tempo.from_bpm(self.bpm),),
            (MeterChange(Tick(0), self.meter),),
        )


def trimmed(notes: Iterable[Note], start: int, stop: int) -> tuple[Note, ...]:
    """The notes that begin from `start` up to `stop`, counted from `start` and ended at `stop`."""
    return tuple(
        Note(Tick(n.onset - start), n.part, n.pitch, n.velocity, min(n.duration, stop - n.onset))
        for n in notes
        if start <= n.onset < stop
    )
