"""Ableton Link: a beat that programs of one network share, and whether they play. A thin wrapper over aalink.

aalink is GPL-3 and no part of Tradefours, nor of what it brings: who wants Link installs it (the extra `link`).
Knows no ticks.
"""

from typing import Any

from music.errors import PortError


class LinkSession:
    """A peer from the first look on; create it and use it in one running event loop. Nothing blocks."""

    def __init__(self, bpm: float, quarters: float) -> None:
        """`bpm` counts where nobody else is there yet; bars of so many quarters. Raises PortError without aalink."""
        try:
            from aalink import Link
        except ImportError as error:
            raise PortError(
                f"expected aalink for Ableton Link, but it cannot be imported ({error}): "
                "run `pip install aalink`, whose license is the GPL-3"
            ) from error
        self._link: Any = Link(bpm)
        self._link.quantum = quarters
        self._link.start_stop_sync_enabled = True
        self._link.enabled = True

    @property
    def bpm(self) -> float:
        return float(self._link.tempo)

    @property
    def quarter(self) -> float:
        """How many have passed, now; a bar begins where it is a multiple of the bar's."""
        return float(self._link.beat)

    @property
    def plays(self) -> bool:
        """Somebody has started all, and nobody has stopped them."""
        return bool(self._link.playing)
