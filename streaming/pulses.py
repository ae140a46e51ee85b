"""Tempo and beat from the pulses of a MIDI clock, which come unevenly and sometimes not at all.

Pure: the moment of each pulse is given. Knows no transport and no ticks: pulses are counted, 24 to the quarter note.
"""

from typing import Final

from music.time import Nanos
from streaming.even_tempo import PULSES_PER_QUARTER, EvenTempo

LONGEST: Final = 110  # pulses that are averaged over, when nothing changes
LINEAR: Final = 24  # with fewer, the tempo counts as even; with more, as changing evenly
GUESSED, KNOWN, CHANGED = (
    4,
    12,
    5,
)  # the first pulses of an unknown tempo, of a known one, and after it has leapt, count
SPREAD: Final = 1_700_000.0  # ns: standard deviation of 3 ms either way
RECENT: Final = 0.45  # weight of the newest surprise in their running mean
SURPRISE: Final = 3.0 * (RECENT / (2 - RECENT)) ** 0.5  # standard deviations of that mean: the tempo has leapt
MOST_SURPRISE: Final = 3.0  # one late pulse proves nothing
SHORT: Final = 0.5  # of a period
LEAST_UNEVEN: Final = 300_000.0  # ns: no clock is more even than this
MOST_UNEVEN: Final = 3.6  # times what is usual: more is no jitter
SHORTEST: Final = 60e9 / 1000 / PULSES_PER_QUARTER  # ns: nobody plays at more than 1,000 bpm
EVEN: Final = 0.5  # gaps whose lengths differ by no more than this factor are of one tempo
ALIKE: Final = 0.75  # periods that differ by no more than this factor may be one, unevenly told
LEAP: Final = 4  # so many odd gaps in a row are a tempo, not pulses that were lost or late


class PulseFilter:
    """Least squares over the newest pulses, whose number grows while they fit and falls when they do not.

    Never blocks; use from one thread.
    """

    def __init__(self, bpm: float) -> None:
        self.period = 60e9 / bpm / PULSES_PER_QUARTER  # ns
        self.heard = 0  # pulses that the period was learned from
        self._taken = 0.0  # the guess, where the first gap has taken its place
        self._even = EvenTempo()
        self._at: float | None = None  # where pulse `_number` should have been
        self._number = 0
        self._came = Nanos(0)
        self._bend = 0.0  # change of the period, per pulse
        self._span = GUESSED
        self._surprise = 0.0
        self._uneven = SPREAD  # how far pulses are off, on average
        self._owed = 0  # pulses that were counted as lost just now, and perhaps are only late
        self._gaps: list[tuple[int, int]] = []  # those just before, none of them of one pulse: pulses, and length

    @property
    def bpm(self) -> float:
        return 60e9 / self.period / PULSES_PER_QUARTER

    @property
    def knows_tempo(self) -> bool:
        """Half a beat was heard."""
        return self.heard >= PULSES_PER_QUARTER // 2

    def settle(self) -> bool:
        """Believe the newest pulses' one tempo, if they have one. False while there are too few of them."""
        settled = self._even.settled()
        if settled is None or settled[1] < SHORTEST:  # a burst has no tempo
            return False
        self._at, self.period = settled
        self._span, self._bend, self._surprise = LINEAR, 0.0, 0.0
        return True

    @property
    def number(self) -> int:
        """Of the newest pulse."""
        return self._number

    @property
    def at(self) -> Nanos:
        """When that pulse should have been, by all those around it."""
        return Nanos(round(self._at or 0))

    def begin(self, number: int) -> None:
        """The next pulse has this number; the tempo is as before."""
        self._at, self._number, self._bend, self._surprise = None, number, 0.0, 0.0
        self._span = KNOWN if self.knows_tempo else GUESSED
        self._gaps.clear()

    def pulse(self, came: Nanos) -> None:
        before, self._came = self._came, came
        if self._at is None:
            self._at = float(came)
            self._even.hear(1, came)
            return
        gap = came - before
        if self.heard <= 1:
            self._begin_with(gap)
        steps = self._steps(came, gap)
        self.heard += 1
        self._gaps = [*self._gaps[1 - LEAP :], (steps, gap)] if steps != 1 else []
        if self._has_leapt():
            self._leap(came, gap)
            self._even.forget()
            return
        self._even.hear(steps, came)
        self._number += steps
        self._at += steps * self.period + steps * steps * self._bend / 2
        self.period += steps * self._bend
        self._correct(came - self._at)

    def _begin_with(self, gap: int) -> None:
        """A first gap that is longer than was guessed is a slower tempo. Unless the second one is as was guessed: then
        there was a pulse that is lost."""
        if not self.heard and gap * ALIKE > self.period:
            self._taken, self.period = self.period, float(gap)
        elif self.heard and self._taken and ALIKE * gap < self._taken < gap / ALIKE:
            self._number += round(self.period / self._taken) - 1
            self.period, self._taken = self._taken, 0.0

    def _steps(self, came: Nanos, gap: int) -> int:
        """How many pulses a gap stands for: one, even where it comes late. More where it is as long as that many, as
        far as can be told among so uneven ones: they were lost. Unless short gaps follow: then they are none."""
        assert self._at is not None
        if self._owed and gap < SHORT * self.period:
            self._owed -= 1
            return 0
        periods = (came - self._at) / self.period
        whole = round(periods)
        is_loss = whole > 1 and abs(periods - whole) * self.period <= LEAST_UNEVEN + MOST_UNEVEN * self._uneven
        self._owed = whole - 1 if is_loss else 0
        return whole if is_loss else 1

    def _correct(self, error: float) -> None:
        limited = max(-MOST_SURPRISE, min(MOST_SURPRISE, error / SPREAD))
        if self._surprise * limited < 1:
            error = limited * SPREAD
        self._surprise += RECENT * (limited - self._surprise)
        self._uneven += (abs(limited) * SPREAD - self._uneven) / LINEAR
        self._span = min(LONGEST, self._span + 1)
        if abs(self._surprise) > SURPRISE and self._span > CHANGED:
            self._span, self._bend, self._surprise = CHANGED, 0.0, 0.0
        here, slope, bend = _gains(self._span)
        assert self._at is not None
        self._at += here * error
        self.period += slope * error
        self._bend += bend * error

    def _has_leapt(self) -> bool:
        """Gaps of one new length; a pulse that is late and a burst after it are no tempo."""
        gaps = [gap for _, gap in self._gaps]
        return len(gaps) == LEAP and min(gaps) > max(EVEN * max(gaps), SHORTEST)

    def _leap(self, came: Nanos, gap: int) -> None:
        """What looked like pulses lost, or late, again and again is the new tempo."""
        self._number += len(self._gaps) - sum(steps for steps, _ in self._gaps[:-1])
        self._at, self.period, self._bend, self._span, self._surprise = float(came), float(gap), 0.0, CHANGED, 0.0
        self._gaps.clear()


def _gains(span: int) -> tuple[float, float, float]:
    """How far one error moves the phase, the period and its bend, in a fit over `span` pulses."""
    n = span
    if n <= LINEAR:
        return 2 * (2 * n - 1) / (n * (n + 1)), 6 / (n * (n + 1)), 0.0
    scale = n * (n + 1) * (n + 2)
    return 3 * (3 * n * n - 3 * n + 2) / scale, 18 * (2 * n - 1) / scale, 60 / scale
