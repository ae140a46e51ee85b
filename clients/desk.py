"""The player's other hand: keys typed at the computer, and what a device has learned, change how the machine plays.

Knows no terminal, no ports and no server.
"""

import logging
from collections.abc import Callable
from typing import Final

from clients.learned import Learned
from clients.wishes import RANGES, Wish, Wishes

STEPS: Final = {  # less, and with the shift key more
    "t": Wish.TEMPERATURE,
    "d": Wish.DENSITY,
    "s": Wish.LEAVE_SPACE,
}
PRESSES: Final = {"m": Wish.MODE, "x": Wish.MUTE, "e": Wish.END, "p": Wish.PANIC}
LEARN: Final = "l"
HELP: Final = "?"
HELP_TEXT: Final = (
    "keys: "
    + ", ".join(f"{key}/{key.upper()} {wish} less/more" for key, wish in STEPS.items())
    + "".join(f", {key} {wish}" for key, wish in PRESSES.items())
    + f", {LEARN} learn a knob or button for one of these"
)

log = logging.getLogger("bridge")


class Desk:
    """Use from one thread."""

    def __init__(self, wishes: Wishes, learned: Learned, *, end: Callable[[], None], panic: Callable[[], None]) -> None:
        self._wishes = wishes
        self._learned = learned
        self._pressed = {Wish.MODE: wishes.next_mode, Wish.MUTE: wishes.mute, Wish.END: end, Wish.PANIC: panic}
        self._learns = False  # the next key says what

    @property
    def waits_for(self) -> str:
        """What the player is to do now; empty: nothing."""
        if self._learns:
            return "learn what? " + " ".join((*STEPS, *PRESSES))
        if wish := self._learned.wanted:
            return f"move what is to be {wish}; its key again: nothing is"
        return ""

    def type(self, key: str) -> None:
        """A key of the computer. One that means nothing does nothing."""
        wish = STEPS.get(key.lower()) or PRESSES.get(key)
        if key == LEARN:
            self._learns, self._learned.wanted = not self.waits_for, None
        elif key == HELP:
            log.info(HELP_TEXT)
        elif wish is None:
            return
        elif self._learns:
            self._learns, self._learned.wanted = False, wish
        elif wish is self._learned.wanted:
            self._learned.forget()
        elif wish in RANGES:
            self._wishes.step(wish, 1 if key.isupper() else -1)
        else:
            self._pressed[wish]()

    def hear(self, device: str, message: bytes) -> bool:
        """True: it was no music."""
        if self._learned.learn(device, message):
            return True
        move = self._learned.hear(device, message)
        if move is None:
            return False
        if move.wish in RANGES:
            self._wishes.turn(move.wish, move.share)
        elif move.is_press:
            self._pressed[move.wish]()
        return True
