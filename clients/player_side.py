"""The player's side of a live session, without ports or sockets: keys become notes with ticks, plans become sound
with due times.

Knows the player's clock but reads none; knows nothing of how messages travel.
"""

from dataclasses import dataclass
from typing import Final

from clients.held_keys import KeyEvent
from music.time import Nanos, Tick
from streaming.clock import PlayerClock
from streaming.messages import Plan, PlannedNote

DRUM_PROGRAM: Final = 128
DRUM_CHANNEL: Final = 9
LATEST: Final = Nanos(50_000_000)  # a note later than this is noise: better not played


@dataclass(frozen=True, slots=True)
class HumanNote:
    tick: Tick
    pitch: int
    velocity: int  # 0 means that the key came up


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


class PlayerSide:
    """Use from one thread."""

    def __init__(self, bpm: float, programs: dict[int, int], offset: Nanos = Nanos(0)) -> None:
        """`programs` by part of the machine; `offset` is added to every due time and may be negative."""
        self.clock = PlayerClock(bpm)
        # What became of committed notes: known before they were due, not before but played, or left out.
        self.in_time = 0
        self.late = 0
        self.dropped = 0
        self._channels = {part: channel_of(part, program) for part, program in programs.items()}
        self._offset = offset
        self._tentative: dict[int, PlannedNote] = {}

    def reset(self) -> None:
        """A new session: the clock stands until the first note, nothing is planned."""
        self.clock.reset()
        self._tentative.clear()

    def play(self, key: KeyEvent) -> HumanNote:
        """The first one is tick 0."""
        return HumanNote(self.clock.play(key.at), key.pitch, key.velocity)

    def due_tick(self, now: Nanos) -> Tick | None:
        """The tick whose notes are due now, for the server to plan by; None until the clock runs.

        With a negative offset it is ahead of the clock. A positive one leaves the server more time: nothing to tell.
        """
        return self.clock.tick_at(Nanos(now - min(0, self._offset)))

    def follow(self, plan: Plan, now: Nanos) -> list[Sound]:
        """What `plan` commits, ready to be scheduled; too late for its moment, it is left out and counted."""
        if plan.silence:
            self._tentative.clear()
        self._tentative.update((note.id, note) for note in plan.add)
        for id in plan.cancel:
            self._tentative.pop(id, None)
        committed = [self._tentative.pop(id) for id in plan.commit if id in self._tentative]
        sounds = [sound for note in committed if (sound := self._sound(note)) and sound.due >= now - LATEST]
        in_time = sum(sound.due >= now for sound in sounds)
        self.in_time += in_time
        self.late += len(sounds) - in_time
        self.dropped += len(committed) - len(sounds)
        return sounds

    def _sound(self, note: PlannedNote) -> Sound | None:
        due, off = self.clock.nanos_at(Tick(note.tick)), self.clock.nanos_at(Tick(note.tick + note.duration))
        if due is None or off is None:
            return None  # no human note yet, so no clock to play by
        channel = self._channels.get(note.part, channel_of(note.part, 0))
        due, off = Nanos(due + self._offset), Nanos(off + self._offset)
        return Sound(note.id, due, off, channel, note.pitch, note.velocity)
