"""Tokens with a state of their grammar for each, and how many of them the engine already holds.

Knows neither time nor music.
"""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from model.engine.work import Draw, Step

S = TypeVar("S")


class Tape(Generic[S]):
    """Never empty. Never blocks; use from one thread."""

    def __init__(self, tokens: Sequence[int], states: Sequence[S], advance: Callable[[S, int], S]) -> None:
        """`states`: after each of the tokens. `advance` trusts its token."""
        self._tokens, self._states, self._advance = list(tokens), list(states), advance
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
    def state(self) -> S:
        return self._states[-1]

    @property
    def synced(self) -> int:
        """So many tokens the engine holds."""
        return self._synced

    @property
    def is_synced(self) -> bool:
        """The engine holds every token."""
        return self._synced == len(self._tokens)

    def push(self, token: int) -> None:
        self._states.append(self._advance(self.state, token))
        self._tokens.append(token)

    def rewind_to_index(self, index: int) -> None:
        del self._tokens[index:], self._states[index:]
        self._synced = min(self._synced, index)
        self._offered = min(self._offered, index)
        self._told = min(self._told, index)

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

    def hold(self) -> None:
        """The engine, which was up to date, has drawn and kept what was written since."""
        self._synced = self._offered = len(self._tokens)
