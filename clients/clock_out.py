"""Our own clock as a MIDI clock: pulses, start and stop, told ahead of their time. Pure; knows no port."""

from typing import Final

from music.messages import CONTINUE, PULSE, START, STOP, song_position
from music.time import TICKS_PER_QUARTER, Nanos, Tick
from streaming.clock import PlayerClock
from streaming.even_tempo import PULSES_PER_QUARTER

TICKS_PER_PULSE: Final = TICKS_PER_QUARTER // PULSES_PER_QUARTER
TICKS_PER_SIXTEENTH: Final = TICKS_PER_QUARTER // 4
AHEAD: Final = Nanos(150_000_000)  # so far pulses are told; a new tempo is heard behind them

Timed = tuple[Nanos, bytes]


class ClockOut:
    """Ask `messages` every few hundredths of a second. Use from one thread."""

    def __init__(self, clock: PlayerClock, offset: Nanos = Nanos(0)) -> None:
        """`offset` is added to every due time and may be negative."""
        self._clock = clock
        self._offset = offset
        self._next: int | None = None  # the next pulse, while the clock runs
        self._tick = Tick(0)  # where the clock was when it was asked last
        self._newest = Nanos(0)  # when the newest message is due

    def messages(self, now: Nanos, *, leads: bool) -> list[Timed]:
        """What follows, in order. Nothing but a stop while the time is not kept here, or the clock stands."""
        told = self._messages(Nanos(now - self._offset), leads)
        return [(Nanos(due + self._offset), message) for due, message in told]

    def _messages(self, now: Nanos, leads: bool) -> list[Timed]:
        """As if there were no offset."""
        tick = self._clock.tick_at(now)
        if not leads or tick is None:
            return self._stop(now)
        told: list[Timed] = []
        if self._next is None or abs(self._next * TICKS_PER_PULSE - tick) > TICKS_PER_QUARTER:  # it begins, or leaps
            told = [*self._stop(now), *self._begin(tick, now)]
        self._tick = tick
        return told + self._pulses(now)

    def _stop(self, now: Nanos) -> list[Timed]:
        """With the place where it stands: some, Ardour among them, roll on until they hear of one."""
        if self._next is None:
            return []
        self._next, self._newest = None, now  # what was told ahead is taken back by the stop
        return [(now, bytes((STOP,))), (now, song_position(self._tick // TICKS_PER_SIXTEENTH))]

    def _begin(self, tick: Tick, now: Nanos) -> list[Timed]:
        """Near tick 0 with a start; later at the next sixteenth, which is as exact as a song position can be."""
        if tick < TICKS_PER_SIXTEENTH // 2:
            self._next = 0
            return [(now, bytes((START,)))]
        sixteenth = -(-tick // TICKS_PER_SIXTEENTH)
        self._next = sixteenth * TICKS_PER_SIXTEENTH // TICKS_PER_PULSE
        return [(now, song_position(sixteenth)), (now, bytes((CONTINUE,)))]

    def _pulses(self, now: Nanos) -> list[Timed]:
        told = []
        assert self._next is not None
        while (due := self._clock.nanos_at(Tick(self._next * TICKS_PER_PULSE))) is not None and due <= now + AHEAD:
            self._newest = Nanos(max(now, due, self._newest))
            told.append((self._newest, bytes((PULSE,))))
            self._next += 1
        return told
