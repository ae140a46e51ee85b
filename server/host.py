"""The sessions that play now, and the one thread that computes for all of them; and for pieces, where it has time.

The event loop calls the public methods; they take a lock that the engine thread holds for short stretches of
Python only, never while the engine computes. Answers come back by each session's `emit`. Knows no socket.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

from model.engine.work import BadStep, Drawn, Engine, EngineFull, EngineSequence
from music.errors import TradefoursError
from music.score import Score
from music.time import Nanos, Tick
from server.batch import IDLE_TOKENS, SHARED_TOKENS, Batch, Piece
from server.journals import Journal
from server.numbers import HostCounts, HostHealth, HostStatus, Numbers
from server.precedence import Precedence
from server.seat import Emit, Heard, Job, Refused, Seat
from streaming.messages import ClientHeartbeat, ErrorMessage, PlayerPart, ServerHeartbeat, Start
from streaming.truth import Truth

SOLO_CONTEXTS: Final = 4  # that a session keeps of solo piano: it reads most of them again when they are full
STOP_S: Final = 1.0  # the longest that `stop` waits for the engine

log = logging.getLogger(__name__)

Work = list[Job]


def monotonic() -> Nanos:
    return Nanos(time.monotonic_ns())


class SessionHost:
    """Owns the engine: nobody else may touch it while the host runs."""

    def __init__(
        self,
        engine: Engine[Any],
        *,
        max_sessions: int = 4,
        inbox_messages: int = 256,
        solo_context: int | None = None,
        now: Callable[[], Nanos] = monotonic,
    ) -> None:
        """`solo_context`: how many tokens a network for solo piano hears, which plays in answers alone."""
        self._engine = engine
        self._capacity = engine.capacity
        self._solo_context = solo_context
        self._max_sessions = max_sessions
        self._inbox_messages = inbox_messages
        self._now = now
        self._lock = threading.Condition()  # guards everything below; notified when the engine thread has news
        self._seats: list[Seat] = []
        self._abandoned: list[EngineSequence] = []
        self._batch = Batch()
        self._numbers = Numbers()
        self._precedence = Precedence()
        self._turn_began: Nanos | None = None  # None: the engine's thread rests
        self._failure: str | None = None
        self._has_news = False
        self._stopping = False
        self._thread = threading.Thread(target=self._loop, name="engine", daemon=True)

    # ---- event loop: none of these waits for the engine ---------------------------------------------

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the thread. One that computes for longer than a second is left to die with the process."""
        with self._lock:
            self._stopping = True
            self._lock.notify()
        self._thread.join(STOP_S)

    def open(
        self,
        start: Start,
        emit: Emit,
        *,
        instead_of: Seat | None = None,
        journal: Journal | None = None,
        truth: Truth | None = None,
    ) -> Seat:
        """Begin a session, perhaps in the place of another, or go on with one of which `truth` is known.

        Raises Refused when the house is full, BadSetting when `start` makes no sense: then the other plays on.
        """
        with self._lock:
            if self._failure:
                raise Refused("engine_failed", self._failure, fatal=True)
            if len(self._seats) - (instead_of in self._seats) >= self._max_sessions:
                raise Refused("full", f"expected fewer than {self._max_sessions} players, got one more", fatal=True)
            seat = Seat(
                start,
                emit,
                capacity=self._session_capacity,
                inbox_messages=self._inbox_messages,
                is_solo=self.is_solo,
                journal=journal,
                truth=truth,
            )
            if instead_of is not None:
                self._drop(instead_of)
            self._seats.append(seat)
            self._tell()
            return seat

    def join(self, seat: Seat, player: PlayerPart) -> None:
        """One more human plays. Raises BadSetting where somebody plays that part already."""
        with self._lock:
            seat.join(player, self._now())
            self._tell()

    def deliver(self, seat: Seat, message: Heard, *, keeps_time: bool = True) -> None:
        """Hand over what the player did. Raises Refused: fatal when the session's inbox is full.

        `keeps_time`: this player's clock is the session's.
        """
        with self._lock:
            seat.deliver(message, self._now(), keeps_time=keeps_time)
            self._tell()

    def leave(self, seat: Seat, parts: frozenset[int]) -> None:
        """Nobody plays these parts any more; who joins may have them."""
        with self._lock:
            seat.leave(parts)

    def heartbeat(self, seat: Seat, beat: ClientHeartbeat, *, keeps_time: bool = True) -> ServerHeartbeat:
        with self._lock:
            now = self._now()
            if beat.tick is not None and keeps_time:
                seat.hear_beat(beat.tick, beat.bpm, now)
                self._tell()
            if beat.round_trip_ms is not None and keeps_time:
                seat.hear_round_trip(beat.round_trip_ms)
            tick = seat.tick_at(now)
            return ServerHeartbeat(
                tick=tick,
                ping_ns=beat.ping_ns,
                sounding=() if tick is None else seat.session.sounding(tick),
                tokens_per_second=self._numbers.tokens_per_second(now),
                late=seat.session.late,
                rested=seat.session.rested,
                in_time_share=seat.session.in_time_share,
            )

    def tick_of(self, seat: Seat) -> Tick | None:
        with self._lock:
            return seat.tick_at(self._now())

    def recorded(self, seat: Seat) -> Callable[[], Score]:
        """What has sounded in a session, which may be over; the score is made in any thread, as it takes time."""
        with self._lock:
            return seat.session.recorded()

    def close(self, seat: Seat, *, is_over: bool = True) -> None:
        """End a session and free its memory. Closing again does nothing.

        Unless it `is_over`, a server that starts later may go on with it.
        """
        with self._lock:
            seat.close_journal(is_over=is_over)
            self._drop(seat)
            self._tell()

    def write(self, pieces: Sequence[Piece]) -> None:
        """Let these be written in turns that no session wants. Their `ended` is called in the engine's thread."""
        with self._lock:
            if self._failure:
                raise Refused("engine_failed", self._failure)
            self._batch.add(pieces)
            self._tell()

    @property
    def capacity(self) -> int:
        """The most tokens that the engine holds of a piece."""
        return self._capacity

    @property
    def is_full(self) -> bool:
        with self._lock:
            return len(self._seats) >= self._max_sessions

    @property
    def is_solo(self) -> bool:
        """The network plays the piano, alone."""
        return self._solo_context is not None

    @property
    def context(self) -> int:
        """The most tokens that the network hears."""
        return self._capacity if self._solo_context is None else self._solo_context

    @property
    def _session_capacity(self) -> int:
        """The most tokens of a session: what is heard no more need not be kept for long."""
        return self._capacity if self._solo_context is None else min(self._capacity, SOLO_CONTEXTS * self._solo_context)

    def status(self) -> HostStatus:
        with self._lock:
            now = self._now()
            return HostStatus(
                failure=self._failure,
                sessions=len(self._seats),
                max_sessions=self._max_sessions,
                steps=self._numbers.steps,
                tokens=self._numbers.tokens,
                tokens_per_second=self._numbers.tokens_per_second(now),
                busy_share=self._numbers.busy_share(now),
                reaction_p50_ns=self._numbers.reaction_ns(0.50),
                reaction_p95_ns=self._numbers.reaction_ns(0.95),
                reaction_p99_ns=self._numbers.reaction_ns(0.99),
            )

    def health(self) -> HostHealth:
        with self._lock:
            began = self._turn_began
            return HostHealth(
                failure=self._failure,
                silence_ns=0 if began is None else max(0, self._now() - began),
                sessions=len(self._seats),
                late=self._numbers.late + sum(seat.session.late for seat in self._seats),
                rested=self._numbers.rested + sum(seat.session.rested for seat in self._seats),
            )

    def counts(self) -> HostCounts:
        with self._lock:
            return self._numbers.counts(self._batch.waiting)

    # ---- engine thread --------------------------------------------------------------------------------

    def turn(self) -> bool:
        """Admit, poll, run, accept, emit. False when there was nothing to compute."""
        self._admit()
        with self._lock:
            self._has_news = False
            work = self._poll()
        if work:
            began = self._now()
            drawn = self._run(work)
            ended = self._now()
        with self._lock:
            if work:
                self._numbers.ran_for_sessions([job.step for job in work], sum(map(len, drawn)), began, ended)
                self._accept(work, drawn)
            self._emit()
        return bool(work) or self._write_batch()

    def _write_batch(self) -> bool:
        """No session has anything to compute. Whoever plays next waits for a few tokens at most."""
        if not self._batch.has_work:
            return False
        began = self._now()
        drawn = self._batch.turn(self._engine, SHARED_TOKENS if self._seats else IDLE_TOKENS)
        with self._lock:
            self._numbers.ran_for_pieces(drawn, began, self._now())
        return True

    def _loop(self) -> None:
        try:
            while not self._stopping:
                self._turn_began = self._now()
                if not self.turn():
                    self._turn_began = None
                    self._rest()
        except Exception as error:
            self._fail(error)
        self._leave()

    def _admit(self) -> None:
        """Open and close sequences: the engine may take its time, so without the lock."""
        with self._lock:
            abandoned, self._abandoned = self._abandoned, []
            newcomers = [seat for seat in self._seats if seat.sequence is None]
            relieved = [seat for seat in self._seats if seat.relief is None and seat.session.wants_relief]
        for sequence in abandoned:
            sequence.close()
        for seat in newcomers:
            try:
                sequence = self._engine.open(seat.seed)
            except TradefoursError as error:
                with self._lock:
                    self._expel(seat, error)
                continue
            with self._lock:
                seat.sequence = sequence
                if not seat.is_open:  # it left meanwhile
                    self._abandoned.append(sequence)
        for seat in relieved:
            self._open_relief(seat)

    def _open_relief(self, seat: Seat) -> None:
        try:
            sequence = self._engine.open(seat.seed)
        except EngineFull:  # later, then; where it comes to that, the context is begun anew without relief
            return
        with self._lock:
            if seat.is_open:
                seat.relief = sequence
            else:
                self._abandoned.append(sequence)

    def _poll(self) -> Work:
        """The next steps, after all that has been heard."""
        now = self._now()
        for seat in [seat for seat in self._seats if seat.has_heard]:
            with self._minding(seat):
                seat.read_inbox(now)
        ready = [seat for seat in self._seats if seat.is_ready]
        return self._precedence.choose(ready, now, lambda seat: self._step(seat, now))

    def _step(self, seat: Seat, now: Nanos) -> Job | None:
        with self._minding(seat):
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
            with self._lock:
                self._expel(job.seat, error)
            return ()
        return drawn

    def _accept(self, work: Work, drawn: list[Drawn]) -> None:
        now = self._now()
        for job, tokens in zip(work, drawn, strict=True):
            if job.seat.is_open:
                with self._minding(job.seat):
                    freed = job.seat.accept(job, tokens, now)
                    if freed is not None:
                        self._abandoned.append(freed)

    def _emit(self) -> None:
        """What has changed: of most sessions nothing, in a turn that was for others."""
        now = self._now()
        for seat in [seat for seat in self._seats if seat.may_tell(now)]:
            with self._minding(seat):
                if seat.tells_tokens and (tokens := seat.session.take_tokens()):
                    seat.emit(tokens)
                plan, tick = seat.take_plan(now)
                if plan is not None:
                    for waited in seat.reactions_ns(plan, now):
                        self._numbers.reacted(waited)
                    self._numbers.told(seat.margins_ns(plan, tick), len(plan.commit), len(plan.cancel))
                    seat.emit(plan)

    def _rest(self) -> None:
        """Sleep until a session wants to be woken, or there is news."""
        with self._lock:
            if self._has_news or self._stopping:
                return
            now = self._now()
            rests: list[float] = []
            for seat in list(self._seats):
                with self._minding(seat):
                    rest = seat.rest_s(now)
                    if rest is not None:
                        rests.append(rest)
            self._lock.wait(min(rests, default=None))

    @contextmanager
    def _minding(self, seat: Seat) -> Iterator[None]:
        """A session that raises ends alone; the others play on."""
        try:
            yield
        except Exception as error:
            self._expel(seat, error)

    def _expel(self, seat: Seat, error: Exception) -> None:
        log.error("a session failed", exc_info=error)
        self._drop(seat)
        seat.emit(ErrorMessage(code="session_failed", reason=_sentence(error), fatal=True))

    def _fail(self, error: Exception) -> None:
        """The engine, or this thread, is broken: say so to everybody, and play no more."""
        log.error("the engine failed", exc_info=error)
        with self._lock:
            self._failure = f"the engine failed: {_sentence(error)}"
            for seat in list(self._seats):
                self._drop(seat)
                seat.emit(ErrorMessage(code="engine_failed", reason=self._failure, fatal=True))
            self._batch.fail(TradefoursError(self._failure))

    def _leave(self) -> None:
        with self._lock:
            self._batch.close()
            for seat in list(self._seats):
                self._drop(seat)
            for sequence in self._abandoned:
                with suppress(Exception):  # a broken engine may break here, too; its memory goes with the process
                    sequence.close()
            self._abandoned.clear()

    # ---- both, with the lock held ----------------------------------------------------------------------

    def _tell(self) -> None:
        self._has_news = True
        self._lock.notify()

    def _drop(self, seat: Seat) -> None:
        if not seat.is_open:
            return
        seat.is_open = False
        self._numbers.late += seat.session.late
        self._numbers.rested += seat.session.rested
        self._seats.remove(seat)
        self._abandoned += seat.sequences


def _sentence(error: Exception) -> str:
    return str(error) or type(error).__name__
