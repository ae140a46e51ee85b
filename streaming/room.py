"""Room for the humans: where the network expects one of them the moment is theirs; the machine looks for a later one.

Without it their expected notes would all become the machine's. Knows no tokens.
"""

from dataclasses import dataclass
from typing import Final

from music.time import Tick

HEARD_BARS: Final = 2  # who has not played for longer needs no room


@dataclass(slots=True)
class Room:
    left_to: int = 0  # grid step: what comes before is written, or left to the humans
    throws: int = 0  # moments left since they were last heard: the next one wants other dice
    heard: Tick | None = None  # the newest human note

    def hear(self, onset: Tick) -> None:
        self.heard = onset if self.heard is None else max(onset, self.heard)
        self.take_back()

    def leave(self, step: int) -> None:
        self.left_to = step + 1
        self.throws += 1

    def take_back(self) -> None:
        """What was left is decided anew."""
        self.left_to = self.throws = 0

    def quiet_from(self, bar: int) -> Tick:
        """When nobody will have played for a bar."""
        return Tick(0) if self.heard is None else Tick(self.heard + bar)

    def is_shared(self, now: Tick, bar: int) -> bool:
        """Do humans play at this time?"""
        return self.heard is not None and now - self.heard <= HEARD_BARS * bar
