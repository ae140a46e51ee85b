"""How the log is written: a line for each event, for people or as JSON. Knows no event.

A thread of its own writes, so that a terminal that is held or a disk that is slow stops nobody's music. Overflow rule:
at most `WAITING` lines wait; of those beyond, the number is told with the next one.
"""

import json
import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from queue import Full, Queue
from typing import Final, Literal, TextIO

Format = Literal["text", "json"]
Level = Literal["debug", "info", "warning", "error"]

WAITING: Final = 4096  # lines
STOP_S: Final = 0.5  # the longest that the end waits for whoever reads
OURS: Final = ("clients", "model", "music", "server", "streaming")  # who may say more than warnings


def about(record: logging.LogRecord) -> dict[str, object]:
    """What stands beside an event."""
    return getattr(record, "about", {})


class TextFormatter(logging.Formatter):
    """`INFO server: session begins session=4f1d0c2a mode=duet players=1`, and tracebacks as they are."""

    def __init__(self) -> None:
        super().__init__("%(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        return " ".join([super().formatMessage(record), *(f"{name}={_word(v)}" for name, v in about(record).items())])


class JsonFormatter(logging.Formatter):
    """One object a line: `time`, `level`, `logger`, `event`, what stands beside it, and perhaps `error`."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **about(record),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class LineHandler(logging.Handler):
    """`emit` never blocks; from any thread."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._lines: Queue[str | None] = Queue(WAITING)
        self._lost = 0
        self._thread = threading.Thread(target=self._write, name="log", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Lines that are not written yet."""
        return self._lines.qsize()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
            if self._lost and self.waiting < WAITING // 2:
                beside = {"about": {"lines": self._lost}}
                told = logging.makeLogRecord(
                    {"name": __name__, "levelname": "WARNING", "msg": "lines of this log were lost", **beside}
                )
                line, self._lost = f"{self.format(told)}\n{line}", 0
            self._lines.put_nowait(line)
        except Full:
            self._lost += 1
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        """Write what waits, if somebody reads it in time."""
        try:
            self._lines.put_nowait(None)
        except Full:
            pass
        else:
            self._thread.join(STOP_S)
        super().close()

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                print(line, file=self._stream, flush=True)
            except (OSError, ValueError):  # nobody reads any more
                return


@contextmanager
def logging_as(format: Format, level: Level, stream: TextIO = sys.stderr) -> Iterator[None]:
    """Of others, warnings alone."""
    root, handler = logging.getLogger(), LineHandler(stream)
    handler.setFormatter(JsonFormatter() if format == "json" else TextFormatter())
    ours = [logging.getLogger(name) for name in OURS]
    before = [root.level, *(each.level for each in ours)]
    root.addHandler(handler)
    for each, new in zip(
        [root, *ours], [logging.WARNING, *[logging.getLevelName(level.upper())] * len(ours)], strict=True
    ):
        each.setLevel(new)
    try:
        yield
    finally:
        for each, old in zip([root, *ours], before, strict=True):
            each.setLevel(old)
        root.removeHandler(handler)
        handler.close()


def _word(value: object) -> str:
    text = str(value)
    return json.dumps(text) if not text or any(each.isspace() or each in '="' for each in text) else text
