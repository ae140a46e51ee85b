"""What all who may keep the time share: a clock that runs or stands, news of the tempo. Knows no source of it."""

from abc import ABC, abstractmethod
from enum import Enum, auto
from typing import ClassVar, Final

from music.time import Nanos, Tick
from streaming.clock import PlayerClock

PAUSE: Final = Nanos(2_000_000_000)  # a key so long after the clock stopped, or after another key, begins something new
NEWS: Final = 0.005  # a change of tempo by this share is worth a message


class Change(Enum):
    STOP = auto()  # be silent, now
    TAKE = auto()  # a new take: all begins anew, at the first bar
    GO_ON = auto()
    TEMPO = auto()


class Conductor(ABC):
    """Use from one thread."""

    source: ClassVar[str]  # of the time, where it is not kept here

    def __init__(self, clock: PlayerClock, bar: int) -> None:
        """Moves `clock`; `bar` in ticks."""
        self._clock = clock
        self._bar = bar
        self._told_bpm = clock.bpm
        self._stands_at: Tick | None = None

    @property
    @abstractmethod
    def leads(self) -> bool:
        """The time is kept here, and nobody else's is followed."""

    @property
    @abstractmethod
    def is_taking(self) -> bool:
        """A take has begun, whose tempo is not yet known."""

    @property
    @abstractmethod
    def listens(self) -> bool:
        """Keys that go down now are heard."""

    @property
    @abstractmethod
    def tempo(self) -> float:
        """Of a take that begins now."""

    @property
    def bpm(self) -> float | None:
        """What the server is to be told: 0 while the clock stands, None before it ever ran."""
        if self._stands_at is not None:
            return 0.0
        return round(self._clock.bpm, 2) if self._clock.runs else None

    @property
    def stands_at(self) -> Tick | None:
        """Where a clock stands that has run before."""
        return self._stands_at

    @abstractmethod
    def tick_of(self, at: Nanos) -> Tick:
        """Of a key."""

    @abstractmethod
    def reset(self) -> None:
        """The session with the server is over."""

    @abstractmethod
    def key(self, at: Nanos) -> Change | None:
        """A key goes down."""

    @abstractmethod
    def tap(self, at: Nanos) -> Change | None:
        """The player taps the beat."""

    @abstractmethod
    def hear(self, message: bytes, at: Nanos) -> Change | None:
        """One message of a MIDI clock."""

    @abstractmethod
    def watch(self, now: Nanos) -> Change | None:
        """Call it every few hundredths of a second."""

    def _is_news(self, bpm: float) -> bool:
        return abs(bpm - self._told_bpm) > NEWS * self._told_bpm

    def _bar_line(self, tick: Tick) -> Tick:
        """The next one, or this."""
        return Tick(-(-tick // self._bar) * self._bar)
