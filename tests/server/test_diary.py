"""Each thing that happens is a line in the log, and a number."""

import logging
import re

import pytest

from server.diary import Diary
from streaming.messages import Start
from tests.conftest import ROOT


@pytest.fixture(autouse=True)
def _everything_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "server")


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[str, dict[str, object]]]:
    return [(record.message, record.__dict__["about"]) for record in caplog.records]


def test_a_life_of_a_session_reads_like_one(caplog: pytest.LogCaptureFixture) -> None:
    diary = Diary()
    diary.session_begins("4f1d0c2a", Start(mode="trade"))
    diary.session_waits("4f1d0c2a", 30)
    diary.session_goes_on("4f1d0c2a", "memory")
    diary.session_ends("4f1d0c2a", "left", late=1, rested=0)
    assert [event for event, _ in told(caplog)] == [
        "session begins",
        "session waits for its player",
        "session goes on",
        "session ends",
    ]
    assert {about["session"] for _, about in told(caplog)} == {"4f1d0c2a"}
    assert told(caplog)[0][1]["mode"] == "trade"
    assert told(caplog)[3][1] | {"seconds": 0} == {
        "session": "4f1d0c2a", "outcome": "left", "seconds": 0, "late": 1, "rested": 0,
    }  # fmt: skip
    assert (diary.begun, diary.resumed["memory"], diary.ended["left"]) == (1, 1, 1)


def test_of_refusals_of_one_kind_there_is_one_line_a_second_but_all_are_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    diary = Diary()
    for _ in range(1000):
        diary.client_refused("full")
        diary.client_refused("flood", "4f1d0c2a")
    assert (diary.refused["full"], diary.refused["flood"]) == (1000, 1000)
    lines = told(caplog)
    assert 2 <= len(lines) < 100, "a crowded machine may take some seconds"
    assert lines[:2] == [
        ("client refused", {"reason": "full"}),
        ("client refused", {"reason": "flood", "session": "4f1d0c2a"}),
    ]


def test_jobs_are_counted_when_they_have_ended_and_timed_in_this_server_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    diary = Diary()
    for status in ("queued", "running"):
        diary.job("a1", status)
    diary.job("a1", "failed", reason="expected room, got none", took_ns=2_500_000_000)
    diary.job("b2", "put_back")
    assert diary.jobs == {"succeeded": 0, "failed": 1, "cancelled": 0}
    assert diary.job_time.counted().seen == 1
    failed = caplog.records[2]
    assert failed.levelno == logging.WARNING
    assert failed.__dict__["about"] == {
        "job": "a1", "status": "failed", "seconds": 2.5, "reason": "expected room, got none",
    }  # fmt: skip


def test_every_event_is_in_the_operators_table_and_no_other() -> None:
    source = "".join(file.read_text() for file in (ROOT / "server").rglob("*.py"))
    events = set(re.findall(r'\bsay\([^"]*"([a-z ]+)"', source))
    table = (ROOT / "docs/operations.md").read_text().split("| event | beside it |")[1].split("\n\n")[0]
    assert events == set(re.findall(r"^\| `([a-z ]+)` \|", table, re.MULTILINE))
