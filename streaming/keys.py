"""The humans' keys: which are down, and the phrase that was played on them. Knows no modes."""

from music.events import NoteOn
from music.time import Tick
from streaming.scribe import Line


class Keys:
    """Never blocks; use from one thread."""

    def __init__(self, longest: int) -> None:
        self._longest = longest  # ticks; a key that stays down for longer counts as up
        self._held: dict[tuple[int, int], Line] = {}  # by (part, pitch)
        self._last_up = Tick(0)
        self.phrase_start: Tick | None = None  # of the first note that nobody has answered

    def press(self, event: NoteOn, tick: Tick) -> Line:
        """The key must be up."""
        line = Line(tick, event.part, event.pitch, event.velocity, None, is_held=True)
        self._held[event.part, event.pitch] = line
        self.phrase_start = tick if self.phrase_start is None else min(tick, self.phrase_start)
        return line

    def release(self, part: int, pitch: int, tick: Tick) -> tuple[Line, int] | None:
        """The line and its duration; None where the key was not down."""
        line = self._held.pop((part, pitch), None)
        if line is None:
            return None
        duration = min(max(1, tick - line.onset), self._longest)
        self._last_up = max(self._last_up, Tick(line.onset + duration))
        return line, duration

    def overdue(self, now: Tick) -> list[Line]:
        """Keys that have been down for too long."""
        return [line for line in self._held.values() if line.onset + self._longest <= now]

    def next_overdue(self) -> Tick | None:
        onsets = [line.onset for line in self._held.values()]
        return Tick(min(onsets) + self._longest) if onsets else None

    @property
    def phrase_end(self) -> Tick | None:
        """When the last key came up; None while one is down or nothing waits for an answer."""
        return None if self._held or self.phrase_start is None else self._last_up
