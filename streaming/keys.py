"""The humans' keys and pedals: which are down, and the phrase that was played on them. Knows no modes."""

from music.events import NoteOff, NoteOn
from music.time import Tick
from streaming.messages import Pedal
from streaming.scribe import Line

Released = tuple[Line, int]  # a note that is over, and its duration


class Keys:
    """Never blocks; use from one thread.

    A note lasts while its key or its part's pedal is down. Keys of one part that go down within `chord` ticks are
    one onset to the network; their lines keep the exact ticks.
    """

    def __init__(self, longest: int, chord: int) -> None:
        self._longest = longest  # ticks; a note held for longer counts as over
        self._chord = chord
        self._held: dict[tuple[int, int], Line] = {}  # by (part, pitch)
        self._up: set[tuple[int, int]] = set()  # those of them that only the pedal holds
        self._pedals: set[int] = set()  # parts
        self._chord_starts: dict[int, Tick] = {}  # by part, of the newest chord
        self.last_up = Tick(0)
        self.last_down: Tick | None = None
        self.phrase_start: Tick | None = None  # of the first note that nobody has answered

    def hear(self, event: NoteOn | NoteOff | Pedal, tick: Tick, now: Tick) -> tuple[list[Released], Line | None]:
        """The notes that end, and the one that begins: at `tick`, told at `now`."""
        stuck = self.release_stuck(now)
        ended, begun = self._hear(event, tick)
        return stuck + ended, begun

    def _hear(self, event: NoteOn | NoteOff | Pedal, tick: Tick) -> tuple[list[Released], Line | None]:
        match event:
            case NoteOn():
                before = self.release(event.part, event.pitch, tick)
                return [before] if before else [], self.press(event, tick)
            case NoteOff():
                ended = self.lift(event.part, event.pitch, tick)
                return [ended] if ended else [], None
            case Pedal():
                return self.pedal(event.part, event.down, tick), None

    def press(self, event: NoteOn, tick: Tick) -> Line:
        """The key must have been released."""
        start = self._chord_starts.get(event.part)
        if start is None or abs(tick - start) > self._chord:
            start = self._chord_starts[event.part] = tick
        line = Line(tick, event.part, event.pitch, event.velocity, None, is_held=True, heard=start)
        self._held[event.part, event.pitch] = line
        self._up.discard((event.part, event.pitch))
        self.phrase_start = tick if self.phrase_start is None else min(tick, self.phrase_start)
        self.last_down = tick if self.last_down is None else max(tick, self.last_down)
        return line

    def lift(self, part: int, pitch: int, tick: Tick) -> Released | None:
        """The key came up: as `release`, but None, too, where the pedal goes on holding the note."""
        if part in self._pedals and (part, pitch) in self._held:
            self._up.add((part, pitch))
            return None
        return self.release(part, pitch, tick)

    def release(self, part: int, pitch: int, tick: Tick) -> Released | None:
        """The note is over: its line and duration; None where there was none."""
        self._up.discard((part, pitch))
        line = self._held.pop((part, pitch), None)
        if line is None:
            return None
        duration = min(max(1, tick - line.onset), self._longest)
        self.last_up = max(self.last_up, Tick(line.onset + duration))
        return line, duration

    def pedal(self, part: int, is_down: bool, tick: Tick) -> list[Released]:
        """Returns the notes that the pedal no longer holds."""
        if is_down:
            self._pedals.add(part)
            return []
        self._pedals.discard(part)
        released = [self.release(*key, tick) for key in sorted(self._up) if key[0] == part]
        return [note for note in released if note]

    def release_stuck(self, now: Tick) -> list[Released]:
        """Notes that have been held for too long are over."""
        stuck = [key for key, line in self._held.items() if line.onset + self._longest <= now]
        released = [self.release(*key, now) for key in stuck]
        return [note for note in released if note]

    def next_overdue(self) -> Tick | None:
        onsets = [line.onset for line in self._held.values()]
        return Tick(min(onsets) + self._longest) if onsets else None

    @property
    def held(self) -> list[Line]:
        return list(self._held.values())

    @property
    def are_down(self) -> bool:
        return bool(self._held)

    @property
    def phrase_end(self) -> Tick | None:
        """When the last note ended; None while one is held or nothing waits for an answer."""
        return None if self._held or self.phrase_start is None else self.last_up
