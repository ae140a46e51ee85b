"""What a player changes while playing: how the machine plays, and what of that the server has not yet been told.

Knows no keys, no knobs and no server.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, get_args

from streaming.messages import Control, Mode, Start


class Wish(StrEnum):
    TEMPERATURE = "temperature"
    DENSITY = "density"
    LEAVE_SPACE = "leave-space"
    MODE = "mode"
    MUTE = "mute"
    END = "end"
    PANIC = "panic"

    @property
    def field(self) -> str:
        """Of the messages `start` and `control`."""
        return self.value.replace("-", "_")


@dataclass(frozen=True, slots=True)
class Range:
    low: float
    high: float
    step: float


RANGES: Final = {  # of what a knob turns; all others are pressed
    Wish.TEMPERATURE: Range(0.5, 1.5, 0.05),
    Wish.DENSITY: Range(-1.0, 1.0, 0.25),
    Wish.LEAVE_SPACE: Range(0.0, 1.0, 0.25),
}
MODES: Final[tuple[Mode, ...]] = get_args(Mode)


class Wishes:
    """Use from one thread."""

    def __init__(self, start: Start) -> None:
        self._start = start
        self._changed: dict[str, Any] = {}  # by field of `control`
        self._news: dict[str, Any] = {}  # those that nobody has been told of

    def __getitem__(self, wish: Wish) -> Any:
        """How it is now: a number, the mode, or whether the machine is silent."""
        if wish is Wish.MUTE:
            return bool(self._changed.get(wish.field))
        return self._changed.get(wish.field, getattr(self._start, wish.field))

    def step(self, wish: Wish, steps: int) -> None:
        now, limits = self[wish], RANGES[wish]  # more is never less, where the beginning lay beyond the limits
        low, high = min(limits.low, now), max(limits.high, now)
        self._change(wish, round(min(high, max(low, now + steps * limits.step)), 2))

    def turn(self, wish: Wish, share: float) -> None:
        """A knob is at so much of its way, 0..1."""
        low, high = RANGES[wish].low, RANGES[wish].high
        self._change(wish, round(low + share * (high - low), 2))

    def next_mode(self) -> None:
        self._change(Wish.MODE, MODES[(MODES.index(self[Wish.MODE]) + 1) % len(MODES)])

    def mute(self) -> None:
        """The machine is silent until the next call."""
        self._change(Wish.MUTE, () if self[Wish.MUTE] else tuple(part.part for part in self._start.machine))

    def of(self, start: Start) -> Start:
        """What a session that begins now is told. Who is silent is no part of it: `news` says that behind it."""
        return start.model_copy(update={name: value for name, value in self._changed.items() if name != Wish.MUTE})

    def news(self) -> Control | None:
        """What has changed since it was asked last."""
        news, self._news = self._news, {}
        return Control(**news) if news else None

    def say_again(self) -> None:
        """Nobody knows what the last that were told had been: all that was changed is news."""
        self._news = dict(self._changed)

    def _change(self, wish: Wish, value: Any) -> None:
        if value != self._changed.get(wish.field, getattr(self._start, wish.field, ())):
            self._changed[wish.field] = self._news[wish.field] = value
