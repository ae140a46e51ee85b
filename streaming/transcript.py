"""The tokens that a network sees which plays with others, in the words of notes and bars, parts by their numbers.

Knows neither time nor why a note is written: that is the scribe's.
"""

from bisect import bisect_left
from dataclasses import replace
from itertools import accumulate

from model.tokens.codec import Encoder, Header
from model.tokens.grammar import State, advance
from model.tokens.vocabulary import BAR, DURATION, METER, PROGRAM, VELOCITY
from music.score import Note
from music.time import MeterChange, MeterMap, Tick
from streaming.tape import Tape

COMPLETE = (DURATION, BAR, METER, PROGRAM)  # after these a new note, chord or bar may begin


class Transcript(Tape[State]):
    """Always a legal beginning of a piece. Never blocks; use from one thread."""

    def __init__(self, header: Header) -> None:
        self._meters = MeterMap([MeterChange(Tick(0), header.meter)])
        tokens = header.tokens()
        self.header = header
        self._first = len(tokens)
        super().__init__(tokens, list(accumulate(tokens, advance, initial=State()))[1:], advance)

    @property
    def first_step(self) -> int:
        """Where the first bar begins; nothing can be written before it."""
        return self._states[self._first - 1].bar_start

    @property
    def bar_steps(self) -> int:
        return self.state.bar_length

    @property
    def is_complete(self) -> bool:
        """No note is half written."""
        return self.state.last in COMPLETE

    @property
    def awaits_duration(self) -> bool:
        return self.state.last is VELOCITY

    # ---- writing -------------------------------------------------------------------------------------

    def seek(self, step: int) -> None:
        """Bars until `step` lies in the current one."""
        self._extend(self._encoder().seek(step))

    def write(self, note: Note) -> None:
        self._extend(self._encoder().note(self._in_slot(note)))

    def write_onset(self, note: Note) -> None:
        """All of the note but its duration."""
        self._extend(self._encoder().onset(self._in_slot(note)))

    def bars_until(self, step: int) -> int:
        """How many bars `seek` would write."""
        return max(0, -((self.state.bar_end - step - 1) // self.bar_steps))

    # ---- rewinding -----------------------------------------------------------------------------------

    def behind(self, step: int) -> int:
        """How many tokens a rewind to `step` would forget."""
        return len(self) - self._index(step)

    def rewind_to_step(self, step: int) -> None:
        """Forget all from `step` on. The bar line there goes too, so that what comes next writes it again."""
        self.rewind_to_index(self._index(step))

    def drop_unfinished(self) -> None:
        """Forget a note that is half written, and an onset that no note follows."""
        index = len(self._tokens)
        while self._states[index - 1].last not in COMPLETE:
            index -= 1
        self.rewind_to_index(index)

    def restart(self, step: int) -> None:
        """Only the header, and the first bar will be the one that holds `step`: absolute steps stay true."""
        self.rewind_to_index(self._first)
        self._states[-1] = self.state._replace(bar_start=step - step % self.bar_steps)

    def _index(self, step: int) -> int:
        return bisect_left(self._states, step, lo=self._first, key=lambda state: state.step)

    def _in_slot(self, note: Note) -> Note:
        return replace(note, part=self.header.slot_of(note.part))

    def _encoder(self) -> Encoder:
        return Encoder(self._meters, self.state)

    def _extend(self, tokens: list[int]) -> None:
        for token in tokens:
            self.push(token)
