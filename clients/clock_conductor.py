"""Who keeps the time: the player's first key, or the MIDI clock of a DAW. One at a time, handed over at a bar line.

Pure: messages come with their moments. Knows no ports and no server.
"""

from statistics import median
from typing import Final, Literal

from clients.conductor import PAUSE, Change, Conductor
from music.messages import CONTINUE, PULSE, SONG_POSITION, START, STOP
from music.time import TICKS_PER_QUARTER, Nanos, Tick
from streaming.clock import PlayerClock
from streaming.even_tempo import PULSES_PER_QUARTER
from streaming.messages import SLOWEST_BPM
from streaming.pulses import PulseFilter

Master = Literal["auto", "internal", "midi"]

TICKS_PER_PULSE: Final = TICKS_PER_QUARTER // PULSES_PER_QUARTER
PULSES_PER_SIXTEENTH: Final = PULSES_PER_QUARTER // 4
LOST: Final = Nanos(500_000_000)  # a clock without pulses for so long has stopped
ECHO: Final = Nanos(100_000_000)  # a start this soon after our own is our own, sent back
SLACK: Final = 2 * TICKS_PER_PULSE  # a clock that goes on may be off by so much from where it stopped
TAPS: Final = 4  # the newest, which make a tempo
FASTEST_BPM: Final = 400.0


class ClockConductor(Conductor):
    """`auto` follows a MIDI clock as soon as one starts, and goes on by itself when that has stopped and a key comes
    after a pause."""

    source = "a MIDI clock"

    def __init__(self, clock: PlayerClock, master: Master, bar: int) -> None:
        super().__init__(clock, bar)
        self._master = master
        self._pulses = PulseFilter(clock.bpm)
        self._leads = master == "midi"  # the MIDI clock is the master
        self._rolls = False
        self._located = False  # a pulse has come since it rolls
        self._is_lost = False  # its pulses stayed away, without a word
        self._is_new = False  # a take has begun that nobody was told of
        self._song = 0  # the place in the song, in pulses, from which it goes on
        self._shift = 0  # from the song's ticks to ours: whole bars
        self._pulse_at = Nanos(0)
        self._key_at = Nanos(-PAUSE)
        self._began_at = Nanos(-ECHO)  # by a key
        self._taps: list[Nanos] = []

    @property
    def leads(self) -> bool:
        return not self._leads

    @property
    def is_taking(self) -> bool:
        return self._is_new

    @property
    def listens(self) -> bool:
        """Keys that go down now are heard. Not where the DAW has stopped."""
        return not self._leads or self._rolls

    @property
    def tempo(self) -> float:
        if self._leads and self._pulses.knows_tempo:
            return max(20.0, min(FASTEST_BPM, round(self._pulses.bpm)))
        return round(self._clock.bpm, 2)

    def tick_of(self, at: Nanos) -> Tick:
        """Of a key. The first of all starts the clock, where the time is kept here."""
        tick = self._clock.tick_at(at) if self._leads else self._clock.play(at)
        return (self._stands_at or Tick(0)) if tick is None else tick

    def reset(self) -> None:
        """The session is over: the clock waits for a first key. One that follows another goes on."""
        if not self._leads:
            self._clock.reset()
            self._stands_at = None

    # ---- the players' hands --------------------------------------------------------------------------

    def key(self, at: Nanos) -> Change | None:
        """A key goes down. After a pause it may begin something new, though the DAW has stopped."""
        before, self._key_at = self._key_at, at
        if self.listens:
            if not self._leads and not self._clock.runs:
                self._began_at = at
            return None
        if self._master == "midi" or at - before < PAUSE:
            return None
        self._leads = False
        if self._stands_at is not None:
            self._clock.follow(self._bar_line(self._stands_at), at, self._clock.bpm)
            self._stands_at = None
        return Change.GO_ON

    def tap(self, at: Nanos) -> Change | None:
        """The third and every later tap of the beat makes a tempo, where the time is kept here."""
        if self._taps and at - self._taps[-1] > PAUSE:
            self._taps.clear()
        self._taps = [*self._taps[1 - TAPS :], at]
        if self._leads or len(self._taps) < 3:
            return None
        beat = median(later - earlier for earlier, later in zip(self._taps, self._taps[1:], strict=False))
        self._clock.turn_to(max(20.0, min(FASTEST_BPM, 60e9 / max(1, beat))), at)
        return Change.TEMPO

    # ---- the MIDI clock ------------------------------------------------------------------------------

    def hear(self, message: bytes, at: Nanos) -> Change | None:
        """One message of a clock."""
        if self._master == "internal":
            return None
        match message[0]:
            case status if status == PULSE:
                return self._pulse(at)
            case status if status == SONG_POSITION and len(message) == 3:
                self._song = (message[1] + 128 * message[2]) * PULSES_PER_SIXTEENTH
            case status if status == START and at - self._began_at > ECHO:
                self._song, self._is_new = 0, True
                return self._roll(at)
            case status if status == CONTINUE:
                return self._roll(at)
            case status if status == STOP:
                self._is_lost = False
                return self._stop(at) if self._rolls else None
        return None

    def watch(self, now: Nanos) -> Change | None:
        """Call it now and then: a clock that is gone has stopped, until it comes back."""
        if not (self._rolls and self._located and now - self._pulse_at > LOST):
            return None
        self._is_lost = True
        return self._stop(now)

    def _roll(self, at: Nanos) -> Change | None:
        """It plays from the next pulse on."""
        change = self._stop(at)
        self._leads, self._rolls, self._located, self._is_lost = True, True, False, False
        self._pulses.begin(self._song)
        return change

    def _stop(self, at: Nanos) -> Change | None:
        self._rolls, self._key_at = False, at
        if not self._clock.runs:
            return None
        self._stands_at = self._clock.tick_at(at)
        self._clock.reset()
        return Change.STOP

    def _pulse(self, at: Nanos) -> Change | None:
        self._pulses.pulse(at)
        self._pulse_at = at
        change = None
        if self._is_lost and not self._rolls and self._leads:  # it is back, and has counted meanwhile
            self._rolls, self._is_lost, change = True, False, Change.GO_ON
        if not self._rolls:
            return None
        if not self._located:
            self._located, change = True, Change.GO_ON
            self._shift = 0 if self._is_new else self._shift_from(self._pulses.number * TICKS_PER_PULSE)
        return self._follow(change)

    def _follow(self, change: Change | None) -> Change | None:
        takes = self._is_new and self._pulses.settle()
        bpm = max(SLOWEST_BPM, min(1000.0, self._pulses.bpm))
        tick = Tick(self._pulses.number * TICKS_PER_PULSE + self._shift)
        self._song = self._pulses.number + 1
        self._clock.follow(tick, self._pulses.at, bpm)
        self._stands_at = None
        if self._is_new:
            return self._take() if takes else None
        if self._is_news(bpm):
            change = change or Change.TEMPO
        if change:
            self._told_bpm = bpm
        return change

    def _take(self) -> Change:
        self._is_new = False
        self._told_bpm = self._clock.bpm
        return Change.TAKE

    def _shift_from(self, tick: int) -> int:
        """Whole bars, so that bar lines agree; time does not run backwards, nor leap by more than a bar."""
        if self._stands_at is None:
            return 0  # nothing was played yet: bars are counted as in the song
        return -(-(self._stands_at - SLACK - tick) // self._bar) * self._bar
