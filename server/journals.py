"""The folder of journals, a file for each set: written by a thread of its own, read by whoever may wait, kept small.

Several servers may share a folder: who writes a file has locked it, and a lock ends with its process. Files are named
SESSION-NUMBER-DIGEST.journal: a session may begin anew, and the digest is of the secret with which a client goes on.
Whoever that client has come to while another server plays its session asks for it by a file of that name in WANTED.

Overflow rules: a journal whose frames pile up, whose file cannot be written or has become as large as the folder may
be gets no more of them; the oldest files are pruned. Knows no session.
"""

import logging
import os
import re
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from hashlib import sha256
from io import FileIO
from pathlib import Path
from queue import Empty, Full, Queue
from typing import Any, Final

from music.errors import BadJournal
from music.time import Nanos
from server.file_lock import lock
from streaming.journal import MAGIC, read_frames, read_truth
from streaming.truth import Truth

WAITING: Final = 4096  # frames
STOP_S: Final = 2.0
WANTED: Final = "wanted"  # a folder in that of the journals
ASKED_S: Final = 0.05  # so often a server looks whether another one wants a session of its own
CLAIM_S: Final = 1.0  # for a server to hand over, or, if it was killed, to let go of its files after its sockets
LOOK_S: Final = 0.01
DAY_S: Final = 86_400
SESSION: Final = re.compile("[0-9a-f]{8}")

log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class Journal:
    """Where one session tells what happens. `write` never blocks; from any thread."""

    path: Path
    about: Mapping[str, Any]  # what its first frame tells
    queue: "Queue[tuple[Journal, bytes | None] | None]"
    hand_over: Callable[[], None] = lambda: None  # another server wants it, and waits for `close`; the writing thread's
    size: int = 0  # bytes that are kept of an older file, then of ours
    is_open: bool = True
    is_lost: bool = False  # it has a gap: what waits to be written would come after it
    file: FileIO | None = field(default=None, repr=False)  # the writing thread's

    def write(self, frame: bytes) -> None:
        self._put(frame)

    def close(self) -> None:
        self._put(None)
        self.is_open = False

    def give_up(self, reason: object) -> None:
        log.error("expected to write all of %s, got: %s; nothing more of this session is kept", self.path.name, reason)
        self.is_open, self.is_lost = False, True

    def _put(self, frame: bytes | None) -> None:
        if not self.is_open:
            return
        try:
            self.queue.put_nowait((self, frame))
        except Full:
            self.give_up(f"{WAITING} frames that wait")


@dataclass(frozen=True, slots=True)
class Found:
    """The journal of a session that was cut off."""

    path: Path
    size: int  # of what is whole
    about: Mapping[str, Any]
    truth: Truth
    file: FileIO | None = None  # ours alone; None for who only reads

    @property
    def session(self) -> str:
        return self.path.name.split("-")[0]

    @property
    def number(self) -> int:
        """Of the set, among those of this session."""
        return _number(self.path)


class Journals:
    def __init__(self, folder: Path, *, most_mb: int, most_days: int) -> None:
        self._folder = folder
        self._most_bytes = most_mb * 1_000_000
        self._most_days = most_days
        self._queue: Queue[tuple[Journal, bytes | None] | None] = Queue(WAITING)
        self._open: set[Journal] = set()  # the writing thread's
        self._ours: set[Path] = set()  # of this server: in its memory, so nobody need go on from the file
        self._asked_at = 0.0  # when we last looked who is wanted; the writing thread's
        self._started = Nanos(time.monotonic_ns())
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)

    # ---- event loop ----------------------------------------------------------------------------------

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """All that waits is written first. Blocks for as long, within two seconds."""
        self._queue.put(None)
        self._thread.join(STOP_S)

    def begin(
        self,
        session: str,
        number: int,
        token: str,
        about: Mapping[str, Any],
        hand_over: Callable[[], None] = lambda: None,
    ) -> Journal:
        path = self._folder / f"{session}-{number}-{_digest(token)}.journal"
        self._ours.add(path)
        about = {**about, "session": session, "at": time.strftime("%Y-%m-%d %H:%M:%S%z")}
        return Journal(path, about, self._queue, hand_over)

    def go_on(self, found: Found, about: Mapping[str, Any], hand_over: Callable[[], None] = lambda: None) -> Journal:
        """The end of the file that is not whole is cut off."""
        self._ours.add(found.path)
        return Journal(found.path, about, self._queue, hand_over, size=found.size, file=found.file)

    # ---- any thread that may wait ----------------------------------------------------------------------

    def find(self, token: str) -> Found | None:
        """The session that this secret is of, if another server had it, which has ended or hands it over now.

        It waits as long as its client asked for, from the last that was heard of it; while no server was there does
        not count. In a thread that may wait a moment.
        """
        path = self._newest(f"*-{_digest(token)}.journal")
        if path is None or path in self._ours:
            return None
        file = None
        try:
            file = claimed_soon(path)  # None: another server cannot let go of it
            found = self._going_on(path) if file else None
        except (BadJournal, OSError) as error:
            log.warning("no session can go on from %s: %s", path.name, error)
            found = None
        if found is None and file is not None:
            file.close()
        return found and replace(found, file=file)

    def _going_on(self, path: Path) -> Found | None:
        """What a journal holds, if its session waits still. Raises BadJournal, or OSError."""
        found = read_journal(path)
        unheard_s = time.time() - path.stat().st_mtime
        waited_s = min(unheard_s, (time.monotonic_ns() - self._started) / 1e9)
        return None if found.truth.is_over or waited_s > found.about.get("keep_s", 0) else found

    def truth_of(self, session: str) -> Truth | None:
        """What is known of the newest set of a session, live or over."""
        path = self._newest(f"{session}-*.journal") if SESSION.fullmatch(session) else None
        return read_journal(path).truth if path else None

    def _newest(self, pattern: str) -> Path | None:
        return max(self._folder.glob(pattern), key=_number, default=None)

    # ---- the writing thread ----------------------------------------------------------------------------

    def _run(self) -> None:
        while (item := self._next()) is not None:
            journal, frame = item
            try:
                if frame is None:
                    self._close(journal)
                else:
                    self._write(journal, frame)
            except OSError as error:
                journal.give_up(error)
                self._close(journal)
        for journal in list(self._open):
            self._close(journal)

    def _next(self) -> tuple[Journal, bytes | None] | None:
        while True:
            if self._open and time.monotonic() >= self._asked_at + ASKED_S:
                self._hear_who_is_wanted()
            with suppress(Empty):
                return self._queue.get(timeout=ASKED_S if self._open else None)

    def _hear_who_is_wanted(self) -> None:
        self._asked_at = time.monotonic()
        wanted = set[str]()
        with suppress(OSError):  # nobody ever asked
            wanted = set(os.listdir(self._folder / WANTED))
        for journal in self._open:
            if journal.path.name in wanted:
                journal.hand_over()

    def _write(self, journal: Journal, frame: bytes) -> None:
        if journal.is_lost:
            self._close(journal)
            return
        if journal not in self._open:
            self._begin_to_write(journal)
            self._open.add(journal)
            self._prune()
        assert journal.file is not None
        journal.size += len(frame)
        if journal.size > self._most_bytes:
            journal.give_up(f"more than {self._most_bytes // 1_000_000} MB")
            self._close(journal)
            return
        journal.file.write(frame)

    def _begin_to_write(self, journal: Journal) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        if journal.file is None:
            os.close(os.open(journal.path, os.O_RDWR | os.O_CREAT, 0o600))
            journal.file = claimed(journal.path)
        if journal.file is None:
            raise OSError("another server that writes it")
        journal.file.truncate(journal.size)
        journal.file.seek(journal.size)
        if not journal.size:
            journal.size = journal.file.write(MAGIC)

    def _close(self, journal: Journal) -> None:
        self._open.discard(journal)
        self._ours.discard(journal.path)
        if journal.file is not None:
            journal.file.close()

    def _prune(self) -> None:
        """The oldest go first; those that are written to stay."""
        files = [(path.stat(), path) for path in self._folder.glob("*.journal")]
        files.sort(key=lambda each: each[0].st_mtime, reverse=True)
        total, oldest = 0, time.time() - self._most_days * DAY_S
        for about, path in files:
            total += about.st_size
            if (total > self._most_bytes or about.st_mtime < oldest) and (file := claimed(path)):
                file.close()
                path.unlink()


def claimed(path: Path) -> FileIO | None:
    """A journal for us alone, until it is closed; None where somebody has it. Raises OSError."""
    file = FileIO(path, "r+")
    try:
        lock(file)
    except OSError:
        file.close()
        return None
    return file


def claimed_soon(path: Path) -> FileIO | None:
    """As `claimed`, but whoever has it is asked for it, and may just be dying: his client has noticed first."""
    end, question = time.monotonic() + CLAIM_S, path.parent / WANTED / path.name
    try:
        while (file := claimed(path)) is None and time.monotonic() < end:
            question.parent.mkdir(exist_ok=True)
            question.touch()
            time.sleep(LOOK_S)
    finally:
        question.unlink(missing_ok=True)
    return file


def read_journal(path: Path) -> Found:
    """Raises BadJournal, or OSError."""
    data = path.read_bytes()
    frames, size = read_frames(data)
    if size < len(data):
        log.warning("%s was cut off: its last %d bytes are no whole frame", path.name, len(data) - size)
    about = frames[0].event[1] if frames[0].event else {}
    more = {name: value for name, value in about.items() if name not in ("start", "capacity")}
    return Found(path, size, more, read_truth(frames))


def _number(path: Path) -> int:
    return int(path.name.split("-")[1])


def _digest(token: str) -> str:
    return sha256(token.encode(errors="surrogatepass")).hexdigest()[:32]
