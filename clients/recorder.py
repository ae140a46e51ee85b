"""Takes, one after the other, each written to a file of its own when it is over. Knows no ports and no clock."""

from pathlib import Path

from clients.take import Take
from music.time import Tick
from streaming.messages import Start


class Recorder:
    """Use from one thread."""

    def __init__(self, path: Path | None) -> None:
        """`set.mid`, then `set-2.mid` and so on; None writes nothing."""
        self._path = path
        self._written = 0
        self.take: Take | None = None

    def begin(self, start: Start, tick: Tick) -> None:
        """Another take; the one before ended at `tick`, in its own ticks."""
        self.end(tick)
        self.take = Take(start) if self._path else None

    def end(self, tick: Tick) -> Path | None:
        """Returns where it was written; None where nothing was played."""
        take, self.take = self.take, None
        if not self._path or take is None or take.is_empty:
            return None
        self._written += 1
        number = f"-{self._written}" if self._written > 1 else ""
        path = self._path.with_stem(self._path.stem + number)
        path.write_bytes(take.midi(tick))
        return path
