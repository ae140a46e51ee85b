"""The one thread that computes for all sessions; and for pieces, where it has time.

It holds the lock of the house for short stretches of Python only, never while the engine computes. Answers go out by
each session's `emit`. Knows no socket.
"""

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from model.engine.work import BadStep, Drawn, Engine, EngineFull
from music.errors import TradefoursError
from music.time import Nanos
from server.batch import IDLE_TOKENS, SHARED_TOKENS
from server.house import House, sentence
from server.precedence import Precedence
from server.seat import Job, Seat
from streaming.messages import ErrorMessage

STOP_S: Final = 1.0  # the longest that `stop` waits for the engine

log = logging.getLogger(__name__)

Work = list[Job]


class EngineThread:
    """Owns the engine: nobody else may touch it while the thread runs."""

    def __init__(self, engine: Engine[Any], house: House, now: Callable[[], Nanos]) -> None:
        self._engine = engine
        self._house = house
        self._now = now
        self._precedence = Precedence()
        self._thread = threading.Thread(target=self._loop, name="engine", daemon=True)

    # ---- event loop -----------------------------------------------------------------------------------

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the thread. One that computes for longer than a second is left to die with the process."""
        with self._house.lock:
            self._house.is_stopping = True
            self._house.lock.notify()
        self._thread.join(STOP_S)

    # ---- engine thread --------------------------------------------------------------------------------

    def turn(self) -> bool:
        """Admit, poll, run, accept, emit. False when there was nothing to compute."""
        self._admit()
        with self._house.lock:
            self._house.has_news = False
            work = self._poll()
        if work:
            began = self._now()
            drawn = self._run(work)
            ended = self._now()
        with self._house.lock:
            if work:
                self._house.numbers.ran_for_sessions([job.step for job in work], drawn, began, ended)
                self._accept(work, drawn)
            self._emit()
        return bool(work) or self._write_batch()

    def _write_batch(self) -> bool:
        """No session has anything to compute. Whoever plays next waits for a few tokens at most."""
        if not self._house.batch.has_work:
            return False
        began = self._now()
        drawn = self._house.batch.turn(self._engine, SHARED_TOKENS if self._house.seats else IDLE_TOKENS)
        with self._house.lock:
            self._house.numbers.ran_for_pieces(drawn, began, self._now())
        return True

    def _loop(self) -> None:
        try:
            while not self._house.is_stopping:
                self._house.turn_began = self._now()
                if not self.turn():
                    self._house.turn_began = None
                    self._rest()
        except Exception as error:
            self._fail(error)
        self._leave()

    def _admit(self) -> None:
        """Open and close sequences: the engine may take its time, so without the lock."""
        with self._house.lock:
            abandoned, self._house.abandoned = self._house.abandoned, []
            newcomers = [seat for seat in self._house.seats if seat.sequence is None]
            relieved = [seat for seat in self._house.seats if seat.relief is None and seat.session.wants_relief]
        for sequence in abandoned:
            sequence.close()
        for seat in newcomers:
            try:
                sequence = self._engine.open(seat.seed)
            except TradefoursError as error:
                with self._house.lock:
                    self._house.expel(seat, error)
                continue
            with self._house.lock:
                seat.sequence = sequence
                if not seat.is_open:  # it left meanwhile
                    self._house.abandoned.append(sequence)
        for seat in relieved:
            self._open_relief(seat)

    def _open_relief(self, seat: Seat) -> None:
        try:
            sequence = self._engine.open(seat.seed)
        except EngineFull:  # later, then; where it comes to that, the context is begun anew without relief
            return
        with self._house.lock:
            if seat.is_open:
                seat.relief = sequence
            else:
                self._house.abandoned.append(sequence)

    def _poll(self) -> Work:
        """The next steps, after all that has been heard."""
        now = self._now()
        for seat in [seat for seat in self._house.seats if seat.has_heard]:
            with self._house.minding(seat):
                seat.read_inbox(now)
        ready = [seat for seat in self._house.seats if seat.is_ready]
        return self._precedence.choose(ready, now, lambda seat: self._step(seat, now))

    def _step(self, seat: Seat, now: Nanos) -> Job | None:
        with self._house.minding(seat):
            return seat.poll(now)
        return None

    def _run(self, work: Work) -> list[Drawn]:
        """All in one batch. Where the engine refuses a step it has done none: then one by one, and that one leaves."""
        try:
            return self._engine.run([(job.sequence, job.step) for job in work])
        except BadStep:
            return [self._run_alone(job) for job in work]

    def _run_alone(self, job: Job) -> Drawn:
        try:
            (drawn,) = self._engine.run([(job.sequence, job.step)])
        except BadStep as error:
            with self._house.lock:
                self._house.expel(job.seat, error)
            return ()
        return drawn

    def _accept(self, work: Work, drawn: list[Drawn]) -> None:
        now = self._now()
        for job, tokens in zip(work, drawn, strict=True):
            if job.seat.is_open:
                with self._house.minding(job.seat):
                    freed = job.seat.accept(job, tokens, now)
                    if freed is not None:
                        self._house.abandoned.append(freed)

    def _emit(self) -> None:
        """What has changed: of most sessions nothing, in a turn that was for others."""
        now = self._now()
        for seat in [seat for seat in self._house.seats if seat.may_tell(now)]:
            with self._house.minding(seat):
                if seat.tells_tokens and (tokens := seat.session.take_tokens()):
                    seat.emit(tokens)
                plan, tick = seat.take_plan(now)
                if plan is not None:
                    for waited in seat.reactions_ns(plan, now):
                        self._house.numbers.reacted(waited)
                    self._house.numbers.told(seat.margins_ns(plan, tick), len(plan.commit), len(plan.cancel))
                    seat.emit(plan)

    def _rest(self) -> None:
        """Sleep until a session wants to be woken, or there is news."""
        with self._house.lock:
            if self._house.has_news or self._house.is_stopping:
                return
            now = self._now()
            rests: list[float] = []
            for seat in list(self._house.seats):
                with self._house.minding(seat):
                    rest = seat.rest_s(now)
                    if rest is not None:
                        rests.append(rest)
            self._house.lock.wait(min(rests, default=None))

    def _fail(self, error: Exception) -> None:
        """The engine, or this thread, is broken: say so to everybody, and play no more."""
        log.error("the engine failed", exc_info=error)
        with self._house.lock:
            self._house.failure = f"the engine failed: {sentence(error)}"
            for seat in list(self._house.seats):
                self._house.drop(seat)
                seat.emit(ErrorMessage(code="engine_failed", reason=self._house.failure, fatal=True))
            self._house.batch.fail(TradefoursError(self._house.failure))

    def _leave(self) -> None:
        with self._house.lock:
            self._house.batch.close()
            for seat in list(self._house.seats):
                self._house.drop(seat)
            for sequence in self._house.abandoned:
                with suppress(Exception):  # a broken engine may break here, too; its memory goes with the process
                    sequence.close()
            self._house.abandoned.clear()
