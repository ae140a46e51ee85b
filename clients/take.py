"""What was played in one take, by the humans and by the machine, exact to the tick: for a MIDI file.

Kept at the player's side, so it is whole whatever becomes of the server. Knows no ports.
"""

from dataclasses import replace
from typing import Final

from music.files import write_midi
from music.score import Note
from music.time import TICKS_PER_QUARTER, Tempo, Tick
from streaming.messages import PlannedNote, Start
from streaming.recording import Recording
from streaming.settings import Settings

LONG_OVER: Final = 16 * TICKS_PER_QUARTER  # no promise reaches so far


class Take:
    """Use from one thread."""

    def __init__(self, start: Start) -> None:
        self._start = start
        self._recording = Recording()
        self._down: dict[tuple[int, int], tuple[Tick, int]] = {}  # humans' keys, by part and pitch: since, velocity
        self._sounding: dict[int, PlannedNote] = {}  # the machine's, by id
        self._tempi: list[Tempo] = [Tempo.from_bpm(start.bpm)]

    @property
    def is_empty(self) -> bool:
        return not (len(self._recording) or self._down or self._sounding)

    def key(self, part: int, pitch: int, velocity: int, tick: Tick) -> None:
        """A human's key went down, or came up (velocity 0)."""
        held = self._down.pop((part, pitch), None)
        if held:
            self._recording.add(Note(held[0], part, pitch, held[1], max(1, tick - held[0])))
        if velocity:
            self._down[part, pitch] = tick, velocity

    def note(self, note: PlannedNote) -> None:
        """One of the machine's will sound."""
        self._settle(Tick(note.tick - LONG_OVER))
        self._sounding[note.id] = note

    def silence(self, tick: Tick) -> None:
        """What the machine had promised from here on never sounds, and what sounds is cut."""
        for note in self._sounding.values():
            if note.tick < tick:
                self._add(note, min(note.duration, tick - note.tick))
        self._sounding.clear()

    def tempo(self, bpm: float, tick: Tick) -> None:
        self._tempi.append(Tempo.from_bpm(bpm, tick))

    def midi(self, tick: Tick) -> bytes:
        """A file of all that was played until `tick`; what sounds ends there."""
        self.silence(tick)
        for part, pitch in list(self._down):
            self.key(part, pitch, 0, tick)
        settings = Settings.of(self._start)
        score = self._recording.score(settings.header, settings.human)
        return write_midi(replace(score, tempos=tuple(self._tempi)))

    def _settle(self, tick: Tick) -> None:
        """What ended before `tick` is done."""
        for id, note in list(self._sounding.items()):
            if note.tick + note.duration <= tick:
                self._add(self._sounding.pop(id), note.duration)

    def _add(self, note: PlannedNote, duration: int) -> None:
        self._recording.add(Note(Tick(note.tick), note.part, note.pitch, note.velocity, duration))
