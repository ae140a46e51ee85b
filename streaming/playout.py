"""Notes waiting for their moment, and the promise that every note-on gets exactly one note-off.

Knows no port and no clock: `pop_due` is given `now` and returns what to send.
"""

import heapq
from dataclasses import dataclass, replace
from typing import NamedTuple

from music.errors import BadSetting
from music.time import Nanos


@dataclass(frozen=True, slots=True)
class PortMessage:
    id: int  # of the note, as scheduled
    due: Nanos  # when it should be sent
    channel: int  # 0..15
    pitch: int  # 0..127
    velocity: int  # 1..127; 0 is a note-off

    @property
    def is_on(self) -> bool:
        return self.velocity > 0


class _Waiting(NamedTuple):
    due: Nanos
    is_on: bool  # offs sort before ons
    order: int  # of scheduling; the on and the off of a note share it
    on: PortMessage
    off: PortMessage


class Playout:
    """A heap of scheduled notes. Never blocks; use from one thread."""

    def __init__(self) -> None:
        self._waiting: list[_Waiting] = []
        self._sounding: dict[tuple[int, int], _Waiting] = {}  # by (channel, pitch)
        self._scheduled = 0

    @property
    def sounding(self) -> tuple[int, ...]:
        """Ids of the notes that sound, oldest first."""
        return tuple(note.on.id for note in self._sounding.values())

    def schedule(self, id: int, due: Nanos, off: Nanos, channel: int, pitch: int, velocity: int) -> None:
        """A note from `due` to `off`. One that is due in the past comes with the next `pop_due`."""
        if not (0 <= channel <= 15 and 0 <= pitch <= 127 and 1 <= velocity <= 127):
            found = f"{channel}, {pitch}, {velocity}"
            raise BadSetting(f"expected channel 0..15, pitch 0..127, velocity 1..127, got {found}")
        if off <= due:
            raise BadSetting(f"expected a note that ends after it begins, got {due} to {off}")
        self._scheduled += 1
        begin = PortMessage(id, due, channel, pitch, velocity)
        end = PortMessage(id, off, channel, pitch, 0)
        heapq.heappush(self._waiting, _Waiting(due, True, self._scheduled, begin, end))
        heapq.heappush(self._waiting, _Waiting(off, False, self._scheduled, begin, end))

    def move(self, id: int, due: Nanos, off: Nanos) -> None:
        """Another time for a note that has not begun; one that has, or that nobody knows, is left alone."""
        for note in [each.on for each in self._waiting if each.is_on and each.on.id == id]:
            self._waiting = [each for each in self._waiting if each.on is not note]
            heapq.heapify(self._waiting)
            self.schedule(id, due, off, note.channel, note.pitch, note.velocity)

    def next_due(self) -> Nanos | None:
        """When `pop_due` next has something to look at; None while nothing waits."""
        return self._waiting[0].due if self._waiting else None

    def pop_due(self, now: Nanos) -> list[PortMessage]:
        """Remove and return everything due at or before `now`, in time order, offs before ons.

        A note on a key that sounds ends that key first; the older note's own off is then dropped.
        """
        sent: list[PortMessage] = []
        while self._waiting and self._waiting[0].due <= now:
            note = heapq.heappop(self._waiting)
            key = (note.on.channel, note.on.pitch)
            sounding = self._sounding.get(key)
            if note.is_on:
                if sounding:
                    sent.append(replace(sounding.off, due=note.due))
                    del self._sounding[key]  # so that the newer note goes to the end of the order
                self._sounding[key] = note
                sent.append(note.on)
            elif sounding and sounding.order == note.order:
                del self._sounding[key]
                sent.append(note.off)
        return sent

    def silence(self) -> list[PortMessage]:
        """Forget what waits, and return an off for everything that sounds, whose `due` is when it would have ended."""
        offs = [note.off for note in self._sounding.values()]
        self._sounding.clear()
        self._waiting.clear()
        return offs
