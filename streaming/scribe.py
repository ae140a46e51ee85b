"""Keeps the transcript true: it says what has sounded and will, in order, whatever the order in which it became known.

Knows no keys and no plan: it is given lines, each a note of a human or of the machine.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass, field

from model.tokens.codec import Header, duration_token, step_of
from model.tokens.vocabulary import TICKS_PER_STEP
from music.score import Note
from music.time import Tick
from streaming.transcript import Transcript

NOTE_TOKENS = 5  # at most: position, part, pitch, velocity, duration
REMEMBERED_BARS = 4  # of the past, when the context is full
REACH = 64  # tokens that are read again for a duration's sake while humans play: who plays just then waits for them


@dataclass(slots=True, eq=False)
class Line:
    """One note of the truth."""

    onset: Tick
    part: int
    pitch: int
    velocity: int
    duration: int | None  # ticks; a guess while the key is down, None before that
    is_held: bool = False
    heard: Tick | None = None  # where the network hears it begin; None: at its onset
    step: int = field(init=False)  # of the grid: there it begins to the network
    key: tuple[int, int, int] = field(init=False)  # the order of the transcript, in which no two lines are equal

    def __post_init__(self) -> None:
        self.step = step_of(self.onset if self.heard is None else self.heard)
        self.key = self.step, self.part, self.pitch

    def put(self, header: Header) -> None:
        """Into the order of a transcript behind that header."""
        self.key = self.step, header.slot_of(self.part), self.pitch

    @classmethod
    def of(cls, note: Note) -> "Line":
        return cls(note.onset, note.part, note.pitch, note.velocity, note.duration)

    @property
    def note(self) -> Note:
        """As the network hears it."""
        return Note(Tick(self.step * TICKS_PER_STEP), self.part, self.pitch, self.velocity, self.duration or 1)

    @property
    def outlives_at(self) -> Tick | None:
        """When a key that is still down will have been so for longer than was guessed."""
        return Tick(self.onset + self.duration + 1) if self.is_held and self.duration is not None else None


class Scribe:
    """Never blocks; use from one thread. Remembers as many lines as the transcript has room for."""

    def __init__(self, header: Header, limit: int) -> None:
        self.transcript = Transcript(header)
        self._limit = limit  # tokens
        self._lines: list[Line] = []  # sorted by key
        self._held: list[Line] = []
        self._written = 0  # so many of them the transcript says
        self._stale = set[int]()  # steps at which the transcript gives a wrong duration

    @property
    def lines(self) -> tuple[Line, ...]:
        return tuple(self._lines)

    @property
    def is_all_written(self) -> bool:
        return self._written == len(self._lines)

    @property
    def has_wrong(self) -> bool:
        """A duration that is to be corrected when there is time."""
        return bool(self._stale)

    def is_behind(self, *, may_guess: bool, is_quiet: bool) -> bool:
        """`settle`, `write` or the engine would have something to do."""
        if not self.transcript.is_synced or self._correctable(is_quiet):
            return True
        return not self.is_all_written and (may_guess or self._lines[self._written].duration is not None)

    def next_outlived(self) -> Tick | None:
        """When `settle` will have something to do, if nobody says anything."""
        return min((line.outlives_at for line in self._held if line.outlives_at is not None), default=None)

    def rehead(self, header: Header) -> None:
        """Other players from here on: the last bars are told again behind the new header."""
        first = self.transcript.first_step
        self.transcript = Transcript(header)
        for line in self._lines:
            line.put(header)
        self._lines.sort(key=lambda line: line.key)
        self._written, self._stale = 0, set()
        self.transcript.restart(first)

    @property
    def written(self) -> list[Line]:
        """The lines that the transcript says."""
        return self._lines[: self._written]

    @property
    def filled(self) -> float:
        """The share of the room that is used."""
        return len(self.transcript) / self._limit

    @property
    def limit(self) -> int:
        return self._limit

    def adopt(self, transcript: Transcript) -> None:
        """Another transcript says the same, from a later bar on and with every duration as it is known now."""
        forgotten = self._index((transcript.first_step, -1, -1))
        del self._lines[:forgotten]
        self._written -= forgotten
        self._stale.clear()
        self.transcript = transcript

    # ---- the truth changes ---------------------------------------------------------------------------

    def add(self, line: Line) -> None:
        """A line that the transcript may already have passed; it takes the place of one on the same key and step."""
        line.put(self.transcript.header)
        if line.is_held:
            self._held.append(line)
        if not self._lines:
            self.transcript.restart(line.step)
        i = self._index(line.key)
        if i < len(self._lines) and self._lines[i].key == line.key:
            self._lines[i] = line
        else:
            self._lines.insert(i, line)
        self._rewind(line.step)

    def remove(self, notes: Iterable[Note]) -> None:
        keys = {self._line(note).key for note in notes}
        steps = [line.step for line in self._lines if line.key in keys]
        if steps:
            self._lines = [line for line in self._lines if line.key not in keys]
            self._rewind(min(steps))

    def append(self, note: Note) -> None:
        """A note that the transcript already ends with."""
        insort(self._lines, self._line(note), key=lambda line: line.key)
        self._written += 1

    def guess(self, line: Line, duration: int) -> None:
        """The transcript now ends with `line`, so long."""
        line.duration = duration
        self._written += 1

    def release(self, line: Line, duration: int) -> None:
        """The key came up. A wrong guess is remembered, to be corrected when there is time to go back."""
        line.is_held = False
        self._held = [other for other in self._held if other.is_held]
        self._set_duration(line, duration)

    def correct(self, note: Note) -> None:
        """A note of the machine has another duration now."""
        key = self._line(note).key
        i = self._index(key)
        if i < len(self._lines) and self._lines[i].key == key:
            self._set_duration(self._lines[i], note.duration)

    # ---- the transcript follows ----------------------------------------------------------------------

    def settle(self, now: Tick, *, is_quiet: bool) -> None:
        """Correct durations that were guessed wrong: as much is to be read again as was written since.

        Those that lie far back wait until the humans are quiet, or for the next context, which says all as it is known.
        """
        for line in self._held:
            if line.outlives_at is not None and line.outlives_at <= now:
                # It will stay down for as long again: few corrections, however long it does.
                self._set_duration(line, 2 * (now - line.onset))
        if steps := self._correctable(is_quiet):
            self._rewind(min(steps))

    def _correctable(self, is_quiet: bool) -> list[int]:
        return [step for step in self._stale if is_quiet or self.transcript.behind(step) <= REACH]

    def write(self, now: Tick, *, may_guess: bool) -> Line | None:
        """Write what is known. Returns a line that is written up to its duration, which is to be guessed."""
        if not self._write(self._limit, may_guess):
            self._rebuild(now, may_guess)
        return self._lines[self._written] if self.transcript.awaits_duration and not self.is_all_written else None

    def seek(self, step: int, now: Tick) -> None:
        """Let bars pass until `step`, and see to it that there is room for a note."""
        if not self._has_room(step, self._limit):
            self._rebuild(now, False)
        self.transcript.seek(step)

    def _write(self, limit: int, may_guess: bool) -> bool:
        """False where the transcript would become longer than `limit`."""
        while not self.is_all_written:
            line = self._lines[self._written]
            if line.duration is None and (self.transcript.awaits_duration or not may_guess):
                return True
            if self.transcript.awaits_duration:
                self.transcript.push(duration_token(line.note.duration))
            elif not self._has_room(line.step, limit):
                return False
            elif line.duration is None:
                self.transcript.write_onset(line.note)
                return True
            else:
                self.transcript.write(line.note)
            self._written += 1
        return True

    def _has_room(self, step: int, limit: int) -> bool:
        return len(self.transcript) + self.transcript.bars_until(step) + NOTE_TOKENS <= limit

    def _rewind(self, step: int) -> None:
        """Go back to `step`; what was guessed wrong before it can wait, as a human does not."""
        if step < self.transcript.first_step:
            self.transcript.restart(step)
        self._stale = {stale for stale in self._stale if self.transcript.first_step <= stale < step}
        self.transcript.rewind_to_step(step)
        self.transcript.drop_unfinished()
        self._written = min(self._written, self._index((step, -1, -1)))

    def _rebuild(self, now: Tick, may_guess: bool) -> None:
        """Begin anew with the last bars, as many as leave room to go on."""
        bar = self.transcript.bar_steps
        this = step_of(now) // bar
        last = max(this, self._lines[-1].step // bar) if self._lines else this
        for first in range(this - REMEMBERED_BARS, last + 1):
            self._forget_before(first * bar)
            if self._write(self._limit * 3 // 4, may_guess):
                return
        # Not even one bar fits. From the next one on, so that nothing is told twice.
        self._lines.clear()
        self._forget_before((last + 1) * bar)

    def _forget_before(self, step: int) -> None:
        del self._lines[: self._index((step, -1, -1))]
        self._written, self._stale = 0, set()
        self.transcript.restart(step)

    def _set_duration(self, line: Line, duration: int) -> None:
        before, line.duration = line.duration, duration
        i = self._index(line.key)
        is_written = i < self._written and self._lines[i] is line
        if is_written and before is not None and duration_token(before) != duration_token(duration):
            self._stale.add(line.step)

    def _line(self, note: Note) -> Line:
        line = Line.of(note)
        line.put(self.transcript.header)
        return line

    def _index(self, key: tuple[int, int, int]) -> int:
        return bisect_left(self._lines, key, key=lambda line: line.key)
