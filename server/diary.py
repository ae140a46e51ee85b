"""What happens to sessions, clients and jobs: a line each in the log, counted, traced. Never music, never a secret.

Event loop only. Every key that is counted by comes from a list in the code, so that none of them grows without end.
"""

import logging
import time
from collections import Counter
from typing import Any, Final

from server.histogram import JOB_TIMES, Histogram
from server.spans import Spans
from streaming.messages import Start

OUTCOMES: Final = ("left", "lost", "replaced", "gave_way", "sent_away", "moved", "failed", "stopped")  # of a session
REMEMBERED_BY: Final = ("memory", "journal")
REFUSALS: Final = ("full", "flood", "silence", "idle", "stopping", "engine_failed", "session_failed")  # the usual ones
JOB_ENDS: Final = ("succeeded", "failed", "cancelled")
EVERY_NS: Final = 1_000_000_000  # of refusals of one kind one line a second, at most: who is refused may try again

log = logging.getLogger("server")


def say(level: int, event: str, **about: Any) -> None:
    """One line: `event` is always worded the same, and what differs stands beside it."""
    log.log(level, event, extra={"about": about})


class Diary:
    def __init__(self) -> None:
        self.begun = 0  # sessions
        self.ended = Counter(dict.fromkeys(OUTCOMES, 0))  # sessions, by how
        self.resumed = Counter(dict.fromkeys(REMEMBERED_BY, 0))  # sessions, by where they were remembered
        self.refused = Counter(dict.fromkeys(REFUSALS, 0))  # clients, by why
        self.errors = Counter[str]()  # messages of type error, by their code
        self.round_trip = Histogram()
        self.jobs = Counter(dict.fromkeys(JOB_ENDS, 0))  # by how they ended
        self.job_time = Histogram(JOB_TIMES)
        self._spans = Spans()
        self._since: dict[str, int] = {}  # when each session began
        self._told: dict[str, int] = {}  # when the newest refusal of each kind was

    # ---- sessions --------------------------------------------------------------------------------------

    def session_begins(self, session: str, start: Start) -> None:
        self.begun += 1
        self._since[session] = time.monotonic_ns()
        players = len(start.human)
        self._spans.begin("session", session, mode=start.mode, players=players)
        say(logging.INFO, "session begins", session=session, mode=start.mode, players=players)

    def session_goes_on(self, session: str, how: str) -> None:
        """`how`: from memory, or from a journal."""
        self.resumed[how] += 1
        if session not in self._since:  # it began in another server
            self._since[session] = time.monotonic_ns()
            self._spans.begin("session", session)
        self._spans.tell(session, "goes on", how=how)
        say(logging.INFO, "session goes on", session=session, how=how)

    def session_waits(self, session: str, keep_s: float) -> None:
        self._spans.tell(session, "waits for its player", keep_s=keep_s)
        say(logging.INFO, "session waits for its player", session=session, keep_s=keep_s)

    def session_ends(self, session: str, outcome: str, *, late: int, rested: int) -> None:
        self.ended[outcome] += 1
        now = time.monotonic_ns()
        seconds = round((now - self._since.pop(session, now)) / 1e9, 1)
        has_failed = outcome == "failed"
        self._spans.end(session, has_failed=has_failed, outcome=outcome, late=late, rested=rested)
        level = logging.WARNING if has_failed else logging.INFO
        say(level, "session ends", session=session, outcome=outcome, seconds=seconds, late=late, rested=rested)

    # ---- clients ---------------------------------------------------------------------------------------

    def client_refused(self, reason: str, session: str = "") -> None:
        """Not let in, or sent away. `reason` is a code."""
        self.refused[reason] += 1
        now = time.monotonic_ns()
        if now - self._told.get(reason, now - EVERY_NS) < EVERY_NS:
            return
        self._told[reason] = now
        say(logging.WARNING, "client refused", reason=reason, **({"session": session} if session else {}))

    def goaway(self, clients: int, reason: str) -> None:
        say(logging.INFO, "clients are told to go", clients=clients, reason=reason)

    # ---- jobs ------------------------------------------------------------------------------------------

    def job(self, id: str, status: str, *, reason: str | None = None, took_ns: int | None = None) -> None:
        self._trace_job(id, status)
        about: dict[str, Any] = {"job": id, "status": status}
        if took_ns is not None:
            about["seconds"] = round(took_ns / 1e9, 1)
        if reason:
            about["reason"] = reason
        if status in JOB_ENDS:
            self.jobs[status] += 1
            if took_ns is not None:
                self.job_time.add(took_ns)
        level = logging.WARNING if status == "failed" else logging.INFO
        say(level, "job", **about)

    def _trace_job(self, id: str, status: str) -> None:
        match status:
            case "queued":
                self._spans.begin("generation", id)
            case "running":
                self._spans.tell(id, status)
            case _:
                self._spans.end(id, has_failed=status == "failed", status=status)
