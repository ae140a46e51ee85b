"""When a key was really pressed: the driver's time between messages, against the time they reach us.

The driver stamps a message when it comes off the wire; our callback may run later, at an uneven delay. The sum of
the driver's intervals keeps the player's own rhythm. Knows no MIDI and no clock.
"""

from typing import Final

from music.time import Nanos

DRIFT: Final = Nanos(3_000_000)  # a lag that stays above this is no jitter: an interval was lost, or clocks differ
FAR: Final = Nanos(50_000_000)  # a lag this big is believed at once
WINDOW: Final = 8  # messages over which a lag must stay


class DriverTimes:
    """Turns (seconds since the last message, arrival) into a moment that is never after the arrival.

    Never blocks; use from one thread.
    """

    def __init__(self) -> None:
        self._last: Nanos | None = None
        self._lags: list[int] = []

    def stamp(self, interval_s: float, arrival: Nanos) -> Nanos:
        """`arrival` never runs backwards; neither does the answer."""
        moment = self._resynchronised(interval_s, arrival)
        self._last = moment
        return moment

    def _resynchronised(self, interval_s: float, arrival: Nanos) -> Nanos:
        if self._last is None:
            return arrival
        expected = self._last + round(interval_s * 1e9)
        lag = arrival - expected
        if not 0 <= lag <= FAR:
            self._lags.clear()
            return arrival
        self._lags.append(lag)
        if len(self._lags) < WINDOW:
            return Nanos(expected)
        surplus = min(self._lags)
        self._lags.clear()
        return Nanos(expected + surplus if surplus > DRIFT else expected)
