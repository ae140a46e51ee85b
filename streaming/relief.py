"""The next context: the header and the last bars, written step by step into a second sequence of the engine while the
old one plays on, until it has caught up and takes over.

Knows no time and no plan: it is given the lines that the old transcript says.
"""

from collections.abc import Sequence
from typing import Final

from model.engine.work import Step
from model.tokens.codec import Header, duration_token
from streaming.scribe import NOTE_TOKENS, Line
from streaming.transcript import Transcript

CHUNK: Final = 8  # tokens in one step: less than two milliseconds, for which a note may have to wait
WANTED: Final = 0.6  # of the limit, from which on the old context wants relief
KEPT: Final = 0.4  # of the limit, at most, that the new one begins with

Said = tuple[tuple[int, int, int], int]  # a line's key, and its duration's token


class Relief:
    """Never blocks; use from one thread."""

    def __init__(self, header: Header, lines: Sequence[Line], limit: int) -> None:
        """`lines`: what the old transcript says, in order."""
        self.transcript = Transcript(header)
        bar = self.transcript.bar_steps
        room = int(KEPT * limit) // NOTE_TOKENS
        bars = [line.step // bar for line in lines]
        # Whole bars, as many as there is room for, and at least the last.
        first = bars[-room] + 1 if len(bars) > room else bars[0]
        self.first_step = min(first, bars[-1]) * bar
        self.transcript.restart(self.first_step)
        self._said: list[Said] = []

    def step(self, lines: Sequence[Line], until: int) -> Step | None:
        """The next few tokens towards `lines` and bars up to grid step `until`; None where it has caught up."""
        heard = self._heard(lines)
        agreed = self._agreed(heard)
        if agreed < len(self._said):
            key, _ = self._said[agreed]
            self.transcript.rewind_to_step(key[0])
            self._said = [said for said in self._said if said[0][0] < key[0]]
        if len(self._said) < len(heard):  # bars that were passed in silence may hold a note now
            self.transcript.rewind_to_step(self._said[-1][0][0] + 1 if self._said else self.first_step)
        for line in heard[len(self._said) :]:
            if self._pending >= CHUNK:
                break
            self.transcript.write(line.note)
            self._said.append(_said(line))
        else:
            self.transcript.seek(until)
        return self.transcript.offer(None)

    def has_caught_up(self, lines: Sequence[Line]) -> bool:
        heard = self._heard(lines)
        return self.transcript.is_synced and len(heard) == len(self._said) == self._agreed(heard)

    @property
    def _pending(self) -> int:
        return len(self.transcript) - self.transcript.synced

    def _heard(self, lines: Sequence[Line]) -> list[Line]:
        return [line for line in lines if line.step >= self.first_step]

    def _agreed(self, heard: Sequence[Line]) -> int:
        """How many of the lines said first are still true."""
        for i, (line, said) in enumerate(zip(heard, self._said, strict=False)):
            if _said(line) != said:
                return i
        return min(len(heard), len(self._said))


def _said(line: Line) -> Said:
    return line.key, duration_token(line.duration or 1)
