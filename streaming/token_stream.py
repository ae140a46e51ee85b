"""The tokens that the network sees, told as they change: what is kept, and what follows it.

Knows no transcript and no wire: it is told of changes and tells of them, several at once where nobody could listen.
"""

from dataclasses import dataclass, field

from music.time import Tick
from streaming.messages import Tokens


@dataclass(slots=True)
class TokenStream:
    """One end of the stream. Never blocks; use from one thread. As long as the context, whatever was missed."""

    tokens: list[int] = field(default_factory=list)
    first_tick: Tick = Tick(0)  # of the first bar
    parts: tuple[int, ...] = ()  # as the network numbers them
    _told: int = 0  # so many of them the listener knows as they are
    _believed: int = 0  # so many it believes there to be
    _changes: int = 0  # since it was told

    def follow(self, message: Tokens) -> None:
        """All from its position on is void; its tokens follow."""
        self.tokens[message.position :] = message.tokens
        self.first_tick, self.parts = Tick(message.first_tick), message.parts
        self._told = min(self._told, message.position)
        self._changes += 1

    def take(self) -> Tokens | None:
        """What the listener does not know; None where that is nothing."""
        if self._told == len(self.tokens) == self._believed:
            self._changes = 0
            return None
        message = Tokens(
            position=self._told,
            tokens=tuple(self.tokens[self._told :]),
            first_tick=self.first_tick,
            parts=self.parts,
            merged=max(0, self._changes - 1),
        )
        self._told = self._believed = len(self.tokens)
        self._changes = 0
        return message
