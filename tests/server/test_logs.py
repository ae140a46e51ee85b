"""The lines of the log."""

import io
import json
import logging
import threading
from datetime import datetime, timedelta

import pytest

from server.diary import say
from server.logs import WAITING, JsonFormatter, LineHandler, TextFormatter, logging_as

log = logging.getLogger("server.host")


def lines(format: str, level: str = "info") -> list[str]:
    stream = io.StringIO()
    with logging_as(format, level, stream):  # type: ignore[arg-type]
        say(logging.INFO, "session begins", session="4f1d0c2a", mode="duet", players=1)
        say(logging.INFO, "clients are told to go", reason='the "server"\nis stopping')
        logging.getLogger("somebody.else").info("of no interest")
        try:
            raise ValueError("expected music, got noise")
        except ValueError:
            log.exception("a session failed")
    return stream.getvalue().splitlines()


def test_for_people_what_differs_stands_behind_the_event_on_one_line() -> None:
    first, second, failed, *traceback = lines("text")
    assert first == "INFO server: session begins session=4f1d0c2a mode=duet players=1"
    assert second == r'INFO server: clients are told to go reason="the \"server\"\nis stopping"'
    assert failed == "ERROR server.host: a session failed"
    assert traceback[-1] == "ValueError: expected music, got noise"


def test_for_machines_every_event_is_one_object_on_one_line() -> None:
    first, second, failed = map(json.loads, lines("json"))
    at = datetime.fromisoformat(first.pop("time"))
    assert at.utcoffset() == timedelta(0)
    assert first == {
        "level": "info", "logger": "server", "event": "session begins", "session": "4f1d0c2a", "mode": "duet",
        "players": 1,
    }  # fmt: skip
    assert second["reason"] == 'the "server"\nis stopping'
    assert failed["level"] == "error"
    assert failed["error"].endswith("ValueError: expected music, got noise")


def test_who_wants_to_hear_of_warnings_alone_does() -> None:
    assert [json.loads(line)["event"] for line in lines("json", "warning")] == ["a session failed"]


def test_afterwards_everything_is_as_before() -> None:
    before = (list(logging.getLogger().handlers), logging.getLogger("server").level)
    lines("json", "debug")
    assert (list(logging.getLogger().handlers), logging.getLogger("server").level) == before


class Held(io.StringIO):
    """A terminal that is held."""

    def __init__(self) -> None:
        super().__init__()
        self.goes_on = threading.Event()

    def write(self, text: str) -> int:
        self.goes_on.wait(10)
        return super().write(text)


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_a_terminal_that_is_held_holds_nobody_up_and_the_lines_that_were_lost_are_counted(
    formatter: logging.Formatter,
) -> None:
    stream = Held()
    handler = LineHandler(stream)
    handler.setFormatter(formatter)
    record = logging.makeLogRecord({"name": "server", "levelname": "INFO", "msg": "session begins"})
    for _ in range(WAITING + 100):  # one more may be with the thread that writes
        handler.emit(record)
    stream.goes_on.set()
    while handler.waiting:
        threading.Event().wait(0.001)
    handler.emit(record)
    handler.close()
    told = stream.getvalue().splitlines()
    (lost,) = [line for line in told if "lost" in line]
    assert len(told) - 2 in (WAITING, WAITING + 1)
    assert f"lines={WAITING + 101 - len(told) + 1}" in lost.replace('"lines": ', "lines=")


def test_a_reader_that_is_gone_is_no_error() -> None:
    stream = io.StringIO()
    stream.close()
    handler = LineHandler(stream)
    handler.emit(logging.makeLogRecord({"name": "server", "levelname": "INFO", "msg": "session begins"}))
    handler.close()
