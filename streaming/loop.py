"""What the machine plays while it is frozen: its last bar, again and again. Knows no tokens and no session."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from music.score import Note
from music.time import Tick


@dataclass(frozen=True, slots=True)
class Loop:
    notes: tuple[Note, ...]  # of the bar before `start`
    start: Tick  # from here on they are repeated
    bar: int  # ticks

    @classmethod
    def before(cls, start: Tick, bar: int, notes: Iterable[Note]) -> "Loop":
        """Of `notes` those that begin in the bar before `start`; none of them longer than that."""
        kept = (note for note in notes if start - bar <= note.onset < start)
        return cls(tuple(replace(note, duration=min(note.duration, bar)) for note in kept), start, bar)

    def between(self, first: int, stop: int) -> list[Note]:
        """The repetitions that begin from `first` up to `stop`, none before `start`, in order."""
        return sorted(
            replace(note, onset=Tick(onset))
            for note in self.notes
            for onset in range(self._next(note, first), stop, self.bar)
        )

    def next_from(self, first: int) -> Tick | None:
        """The first onset of a repetition at `first` or later."""
        return min((self._next(note, first) for note in self.notes), default=None)

    def _next(self, note: Note, first: int) -> Tick:
        rounds = -((note.onset - max(first, self.start)) // self.bar)
        return Tick(note.onset + rounds * self.bar)
