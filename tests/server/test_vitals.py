"""An engine that is too slow says so, and not too often."""

import logging

import pytest

from server.host import SessionHost
from server.vitals import SAID_EVERY_NS, Vitals
from tests.server.fakes import FakeEngine


def test_notes_that_came_too_late_are_told_of_once_and_then_not_for_ten_seconds(
    caplog: pytest.LogCaptureFixture,
) -> None:
    host = SessionHost(FakeEngine())
    vitals = Vitals(host)
    told: list[int] = []
    with caplog.at_level(logging.INFO, "server"):
        for now, late in ((0, 0), (1, 3), (2, 5), (SAID_EVERY_NS, 6), (SAID_EVERY_NS + 1, 6), (3 * SAID_EVERY_NS, 6)):
            host._house.numbers.late = late
            vitals.look(now)
            told.append(len(caplog.records))
    assert told == [0, 1, 1, 1, 2, 2]
    assert [record.__dict__["about"]["notes_too_late"] for record in caplog.records] == [3, 3]
    assert {record.message for record in caplog.records} == {"engine slow"}
