"""The player's side of a live session, without ports or sockets: plans become sound with due times.

Follows the player's clock but reads none; knows nothing of how messages travel.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from music.time import TICKS_PER_QUARTER, Nanos, Tick
from streaming.clock import PlayerClock
from streaming.messages import Plan, PlannedNote, PlayerPart

DRUM_PROGRAM: Final = 128
DRUM_CHANNEL: Final = 9
LATEST: Final = Nanos(50_000_000)  # a note later than this is noise: better not played
MOVED: Final = Nanos(500_000)  # a clock that puts a note so far from where it was is worth a word


@dataclass(frozen=True, slots=True)
class Sound:
    id: int
    due: Nanos
    off: Nanos
    channel: int
    pitch: int
    velocity: int


def channel_of(part: int, program: int) -> int:
    """Part 1 plays on channel index 1 and so on; drums on 9, which the others step over."""
    if program == DRUM_PROGRAM:
        return DRUM_CHANNEL
    return part if part < DRUM_CHANNEL else (part + 1) % 16


def channels_of(parts: Iterable[PlayerPart]) -> dict[int, int]:
    return {each.part: channel_of(each.part, each.program) for each in parts}


class PlayerSide:
    """Use from one thread."""

    def __init__(self, clock: PlayerClock, channels: dict[int, int], offset: Nanos = Nanos(0)) -> None:
        """`channels` by part of the machine; `offset` is added to every due time and may be negative."""
        # What became of committed notes: known before they were due, not before but played, or left out.
        self.in_time = 0
        self.late = 0
        self.dropped = 0
        self._clock = clock
        self._channels = channels
        self._offset = offset
        self._tentative: dict[int, PlannedNote] = {}
        self._promised: dict[int, PlannedNote] = {}  # committed, and perhaps not yet over
        self._due: dict[int, Nanos] = {}  # of those, as last said

    def reset(self) -> None:
        """A new session: nothing is planned."""
        self._tentative.clear()
        self._promised.clear()
        self._due.clear()

    def promised(self, id: int) -> PlannedNote:
        """The note of a sound that was just returned."""
        return self._promised[id]

    def go_on(self, now: Nanos) -> list[Sound]:
        """After a stop that silenced them: those of the promised notes whose time has not come."""
        sounds = [sound for note in self._promised.values() if (sound := self._sound(note))]
        return [self._said(sound) for sound in sounds if sound.due >= now]

    def moved(self, now: Nanos) -> list[Sound]:
        """Those whose time has not come, and is no more what was said: the clock knows better now."""
        waiting = [(due, self._sound(self._promised[id])) for id, due in self._due.items() if due > now]
        return [self._said(sound) for due, sound in waiting if sound and abs(sound.due - due) >= MOVED]

    def due_tick(self, now: Nanos) -> Tick | None:
        """The tick whose notes are due now, for the server to plan by; None until the clock runs.

        With a negative offset it is ahead of the clock. A positive one leaves the server more time: nothing to tell.
        """
        return self._clock.tick_at(Nanos(now - min(0, self._offset)))

    def follow(self, plan: Plan, now: Nanos) -> list[Sound]:
        """What `plan` commits, ready to be scheduled; too late for its moment, it is left out and counted."""
        if plan.silence:
            self.reset()
        self._tentative.update((note.id, note) for note in plan.add)
        for id in plan.cancel:
            self._tentative.pop(id, None)
        committed = [self._tentative.pop(id) for id in plan.commit if id in self._tentative]
        self._promise(committed, now)
        sounds = [sound for note in committed if (sound := self._sound(note)) and sound.due >= now - LATEST]
        in_time = sum(sound.due >= now for sound in sounds)
        self.in_time += in_time
        self.late += len(sounds) - in_time
        self.dropped += len(committed) - len(sounds)
        return [self._said(sound) for sound in sounds]

    def _promise(self, notes: list[PlannedNote], now: Nanos) -> None:
        tick = self._clock.tick_at(now)
        if tick is not None:
            self._promised = {id: note for id, note in self._promised.items() if note.tick >= tick - TICKS_PER_QUARTER}
            self._due = {id: due for id, due in self._due.items() if id in self._promised}
        self._promised.update((note.id, note) for note in notes)

    def _said(self, sound: Sound) -> Sound:
        self._due[sound.id] = sound.due
        return sound

    def _sound(self, note: PlannedNote) -> Sound | None:
        due, off = self._clock.nanos_at(Tick(note.tick)), self._clock.nanos_at(Tick(note.tick + note.duration))
        if due is None or off is None:
            return None  # no human note yet, so no clock to play by
        channel = self._channels.get(note.part, channel_of(note.part, 0))
        due, off = Nanos(due + self._offset), Nanos(off + self._offset)
        return Sound(note.id, due, off, channel, note.pitch, note.velocity)
