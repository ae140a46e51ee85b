"""What sounded in a session, with exact ticks: 16 bytes a note, so that a long set stays small. Knows no session."""

from array import array
from typing import Final

from model.tokens.codec import Header
from music.score import Note, Part, Score
from music.time import MeterChange, Tempo, Tick

MOST: Final = 1_000_000  # notes: at ten a second, more than a day; then the older half is forgotten


class Recording:
    """Never blocks; use from one thread."""

    def __init__(self) -> None:
        self._onsets = array("q")
        self._durations = array("i")
        self._keys = array("i")  # part, pitch and velocity, a byte each

    def __len__(self) -> int:
        return len(self._onsets)

    def add(self, note: Note) -> None:
        """In any order."""
        if len(self) >= MOST:
            for column in (self._onsets, self._durations, self._keys):
                del column[: MOST // 2]
        self._onsets.append(note.onset)
        self._durations.append(min(note.duration, 2**31 - 1))
        self._keys.append(note.part << 16 | note.pitch << 8 | note.velocity)

    def copy(self) -> "Recording":
        """What another thread may read."""
        copy = Recording()
        copy._onsets, copy._durations, copy._keys = self._onsets[:], self._durations[:], self._keys[:]
        return copy

    def score(self, header: Header, human: frozenset[int]) -> Score:
        """Humans and machine on parts of their own, each named. A key struck again ends its older note."""
        players = sorted(header.programs)
        parts = tuple(
            Part(header.programs[player], f"{'Human' if player in human else 'Machine'} {player + 1}")
            for player in players
        )
        tempo, meter = Tempo.from_bpm(header.bpm), MeterChange(Tick(0), header.meter)
        return Score(parts, tuple(_without_overlaps(self._notes(players))), (tempo,), (meter,))

    def _notes(self, players: list[int]) -> list[Note]:
        columns = zip(self._onsets, self._keys, self._durations, strict=True)
        return sorted(
            Note(Tick(onset), players.index(key >> 16), key >> 8 & 127, key & 127, duration)
            for onset, key, duration in columns
        )


def _without_overlaps(notes: list[Note]) -> list[Note]:
    kept: list[Note] = []
    next_onsets: dict[tuple[int, int], Tick] = {}
    for note in reversed(notes):
        key = note.part, note.pitch
        end = min(note.end, next_onsets.get(key, note.end))
        if end > note.onset:
            kept.append(Note(note.onset, note.part, note.pitch, note.velocity, end - note.onset))
            next_onsets[key] = note.onset
    kept.reverse()
    return kept
