"""The tokens that the network sees, one grammar state for each, and how many of them the engine already holds.

Knows neither time nor why a note is written: that is the scribe's.
"""

from bisect import bisect_left
from collections.abc import Iterable
from itertools import accumulate

from model.engine.work import Draw, Step
from model.tokens.codec import Encoder, Header
from model.tokens.grammar import State, advance
from model.tokens.vocabulary import BAR, DURATION, METER, PROGRAM, VELOCITY
from music.score import Note
from music.time import MeterChange, MeterMap, Tick

COMPLETE = (DURATION, BAR, METER, PROGRAM)  # after these a new note, chord or bar may begin


class Transcript:
    """Always a legal beginning of a piece. Never blocks; use from one thread."""

    def __init__(self, header: Header) -> None:
        self._meters = MeterMap([MeterChange(Tick(0), header.meter)])
        self._tokens = header.tokens()
        self._header = len(self._tokens)
        self._states = list(accumulate(self._tokens, advance, initial=State()))[1:]
        self._synced = 0  # so many tokens the engine holds
        self._offered = 0  # so many it will hold when the last step has run
        self._told = 0  # so many were told by `take_changes`
        self._believed = 0  # so many there were then

    def __len__(self) -> int:
        return len(self._tokens)

    @property
    def tokens(self) -> tuple[int, ...]:
        return tuple(self._tokens)

    @property
    def state(self) -> State:
        return self._states[-1]

    @property
    def first_step(self) -> int:
        """Where the first bar begins; nothing can be written before it."""
        return self._states[self._header - 1].bar_start

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

    @property
    def synced(self) -> int:
        """So many tokens the engine holds."""
        return self._synced

    @property
    def is_synced(self) -> bool:
        """The engine holds every token."""
        return self._synced == len(self._tokens)

    # ---- writing -------------------------------------------------------------------------------------

    def push(self, token: int) -> None:
        """Trusts the token, like `advance`."""
        self._states.append(advance(self.state, token))
        self._tokens.append(token)

    def seek(self, step: int) -> None:
        """Bars until `step` lies in the current one."""
        self._extend(self._encoder().seek(step))

    def write(self, note: Note) -> None:
        self._extend(self._encoder().note(note))

    def write_onset(self, note: Note) -> None:
        """All of the note but its duration."""
        self._extend(self._encoder().onset(note))

    def bars_until(self, step: int) -> int:
        """How many bars `seek` would write."""
        return max(0, -((self.state.bar_end - step - 1) // self.bar_steps))

    # ---- rewinding -----------------------------------------------------------------------------------

    def rewind_to_step(self, step: int) -> None:
        """Forget all from `step` on. The bar line there goes too, so that what comes next writes it again."""
        self.rewind_to_index(bisect_left(self._states, step, lo=self._header, key=lambda state: state.step))

    def rewind_to_index(self, index: int) -> None:
        del self._tokens[index:], self._states[index:]
        self._synced = min(self._synced, index)
        self._offered = min(self._offered, index)
        self._told = min(self._told, index)

    def drop_unfinished(self) -> None:
        """Forget a note that is half written, and an onset that no note follows."""
        index = len(self._tokens)
        while self._states[index - 1].last not in COMPLETE:
            index -= 1
        self.rewind_to_index(index)

    def restart(self, step: int) -> None:
        """Only the header, and the first bar will be the one that holds `step`: absolute steps stay true."""
        self.rewind_to_index(self._header)
        self._states[-1] = self.state._replace(bar_start=step - step % self.bar_steps)

    # ---- who looks on --------------------------------------------------------------------------------

    def take_changes(self) -> tuple[int, list[int]] | None:
        """Since the last call: so many tokens have stayed, and these follow; None where nothing changed."""
        position, length = self._told, len(self._tokens)
        if position == length == self._believed:
            return None
        self._told = self._believed = length
        return position, self._tokens[position:]

    # ---- the engine ----------------------------------------------------------------------------------

    def offer(self, draw: Draw | None, most: int | None = None) -> Step | None:
        """The step that brings the engine up to date and draws; None where there is nothing to do.

        Without a draw at most so many tokens, and the next step goes on.
        """
        length = len(self._tokens)
        if draw is None and self._synced == length:
            return None
        # A draw needs the logits of the last token, so there is always one to append.
        keep = min(self._synced, length - 1) if draw else self._synced
        self._offered = length if draw or most is None else min(length, keep + most)
        return Step(keep=keep, append=tuple(self._tokens[keep : self._offered]), draw=draw)

    def confirm(self) -> None:
        """The step last offered has run."""
        self._synced = self._offered

    def hold(self, drawn: Iterable[int]) -> None:
        """Write what the engine, which is up to date, has drawn and kept."""
        for token in drawn:
            self.push(token)
        self._synced = self._offered = len(self._tokens)

    def _encoder(self) -> Encoder:
        return Encoder(self._meters, self.state)

    def _extend(self, tokens: list[int]) -> None:
        for token in tokens:
            self.push(token)
