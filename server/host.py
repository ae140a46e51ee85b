"""The sessions that play now, and pieces, as the event loop sees them; the engine's thread computes for all of them.

The methods take a lock that the engine's thread holds for short stretches of Python only, never while the engine
computes. Answers come back by each session's `emit`. Knows no socket.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from model.engine.work import Engine
from music.score import Score
from music.time import Nanos, Tick
from server.batch import Piece
from server.engine_thread import EngineThread
from server.house import House
from server.journals import Journal
from server.numbers import HostCounts, HostHealth, HostStatus
from server.seat import Emit, Heard, Refused, Seat
from streaming.messages import ClientHeartbeat, PlayerPart, ServerHeartbeat, Start
from streaming.truth import Truth

SOLO_CONTEXTS: Final = 4  # that a session keeps of solo piano: it reads most of them again when they are full


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
        self._capacity = engine.capacity
        self._solo_context = solo_context
        self._max_sessions = max_sessions
        self._inbox_messages = inbox_messages
        self._now = now
        self._house = House()
        self._thread = EngineThread(engine, self._house, now)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the thread. One that computes for longer than a second is left to die with the process."""
        self._thread.stop()

    def turn(self) -> bool:
        """What the thread does, once; for who has not started it. False when there was nothing to compute."""
        return self._thread.turn()

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
        with self._house.lock:
            if self._house.failure:
                raise Refused("engine_failed", self._house.failure, fatal=True)
            if len(self._house.seats) - (instead_of in self._house.seats) >= self._max_sessions:
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
                self._house.drop(instead_of)
            self._house.seats.append(seat)
            self._house.tell()
            return seat

    def join(self, seat: Seat, player: PlayerPart) -> None:
        """One more human plays. Raises BadSetting where somebody plays that part already."""
        with self._house.lock:
            seat.join(player, self._now())
            self._house.tell()

    def deliver(self, seat: Seat, message: Heard, *, keeps_time: bool = True) -> None:
        """Hand over what the player did. Raises Refused: fatal when the session's inbox is full.

        `keeps_time`: this player's clock is the session's.
        """
        with self._house.lock:
            seat.deliver(message, self._now(), keeps_time=keeps_time)
            self._house.tell()

    def leave(self, seat: Seat, parts: frozenset[int]) -> None:
        """Nobody plays these parts any more; who joins may have them."""
        with self._house.lock:
            seat.leave(parts)

    def heartbeat(self, seat: Seat, beat: ClientHeartbeat, *, keeps_time: bool = True) -> ServerHeartbeat:
        with self._house.lock:
            now = self._now()
            if beat.tick is not None and keeps_time:
                seat.hear_beat(beat.tick, beat.bpm, now)
                self._house.tell()
            if beat.round_trip_ms is not None and keeps_time:
                seat.hear_round_trip(beat.round_trip_ms)
            tick = seat.tick_at(now)
            return ServerHeartbeat(
                tick=tick,
                ping_ns=beat.ping_ns,
                sounding=() if tick is None else seat.session.sounding(tick),
                tokens_per_second=self._house.numbers.tokens_per_second(now),
                late=seat.session.late,
                rested=seat.session.rested,
                in_time_share=seat.session.in_time_share,
            )

    def tick_of(self, seat: Seat) -> Tick | None:
        with self._house.lock:
            return seat.tick_at(self._now())

    def recorded(self, seat: Seat) -> Callable[[], Score]:
        """What has sounded in a session, which may be over; the score is made in any thread, as it takes time."""
        with self._house.lock:
            return seat.session.recorded()

    def close(self, seat: Seat, *, is_over: bool = True) -> None:
        """End a session and free its memory. Closing again does nothing.

        Unless it `is_over`, a server that starts later may go on with it.
        """
        with self._house.lock:
            seat.close_journal(is_over=is_over)
            self._house.drop(seat)
            self._house.tell()

    def write(self, pieces: Sequence[Piece]) -> None:
        """Let these be written in turns that no session wants. Their `ended` is called in the engine's thread."""
        with self._house.lock:
            if self._house.failure:
                raise Refused("engine_failed", self._house.failure)
            self._house.batch.add(pieces)
            self._house.tell()

    @property
    def capacity(self) -> int:
        """The most tokens that the engine holds of a piece."""
        return self._capacity

    @property
    def is_full(self) -> bool:
        with self._house.lock:
            return len(self._house.seats) >= self._max_sessions

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
        with self._house.lock:
            now = self._now()
            return HostStatus(
                failure=self._house.failure,
                sessions=len(self._house.seats),
                max_sessions=self._max_sessions,
                steps=self._house.numbers.steps,
                tokens=self._house.numbers.tokens,
                tokens_per_second=self._house.numbers.tokens_per_second(now),
                busy_share=self._house.numbers.busy_share(now),
                reaction_p50_ns=self._house.numbers.reaction_ns(0.50),
                reaction_p95_ns=self._house.numbers.reaction_ns(0.95),
                reaction_p99_ns=self._house.numbers.reaction_ns(0.99),
            )

    def health(self) -> HostHealth:
        with self._house.lock:
            began = self._house.turn_began
            return HostHealth(
                failure=self._house.failure,
                silence_ns=0 if began is None else max(0, self._now() - began),
                sessions=len(self._house.seats),
                late=self._house.numbers.late + sum(seat.session.late for seat in self._house.seats),
                rested=self._house.numbers.rested + sum(seat.session.rested for seat in self._house.seats),
            )

    def counts(self) -> HostCounts:
        with self._house.lock:
            return self._house.numbers.counts(self._house.batch.waiting)
