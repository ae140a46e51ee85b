"""What the player reads while playing: one line at the foot of the terminal, below what is logged. Knows no ports."""

import asyncio
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

EVERY_S: Final = 0.25
FORMAT: Final = "%(name)s: %(message)s"


@dataclass(frozen=True, slots=True)
class State:
    """What the line says."""

    is_connected: bool
    mode: str
    bpm: float
    place: str  # bar and beat; empty while the clock stands
    is_silent: bool  # the machine, as the player wants it
    wishes: str
    notes: int
    late_ms: float
    waits_for: str  # what the player is to do

    def __str__(self) -> str:
        if self.waits_for:
            return self.waits_for
        plays = f"{self.mode}, silent" if self.is_silent else self.mode
        where = f"{self.bpm:g} bpm, {self.place or 'waiting for you'}"
        played = f"{self.notes} notes, late by {self.late_ms:.1f} ms (p95)"
        parts = ["" if self.is_connected else "no server", plays, where, self.wishes, played, "? for keys"]
        return " · ".join(filter(None, parts))


class Display:
    """`show` until cancelled. Where there is no terminal nothing is shown, and logs are plain lines."""

    def __init__(self, live: Any) -> None:
        self._live = live

    async def show(self, state: Callable[[], State]) -> None:
        shown = ""
        while True:
            if self._live and (line := str(state())) != shown:
                shown = line
                self._live.update(_line(line), refresh=True)
            await asyncio.sleep(EVERY_S)


@contextmanager
def display() -> Iterator[Display]:
    """With the log of this process."""
    if not sys.stderr.isatty():
        logging.basicConfig(level=logging.INFO, format=FORMAT, stream=sys.stderr)
        yield Display(None)
        return
    from rich.console import Console
    from rich.highlighter import NullHighlighter
    from rich.live import Live
    from rich.logging import RichHandler

    console = Console(stderr=True, highlight=False)
    handler = RichHandler(
        console=console, show_time=False, show_level=False, show_path=False, highlighter=NullHighlighter()
    )
    logging.basicConfig(level=logging.INFO, format=FORMAT, handlers=[handler])
    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield Display(live)


def _line(text: str) -> Any:
    from rich.text import Text

    return Text(text, style="bold", no_wrap=True, overflow="ellipsis")
