"""One session's place in the host: its clock, its inbox, its sequence in the engine.

Everything here is guarded by the host's lock. Knows no thread, no socket and no other session.
"""

from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

from model.engine.work import Drawn, EngineSequence, Step
from music.errors import TradefoursError
from music.events import NoteOff, NoteOn
from music.time import TICKS_PER_QUARTER, Nanos, Tick
from server.journals import Journal
from streaming.clock import RemoteClock
from streaming.journal import Journaled
from streaming.messages import Control, Pedal, Plan, PlayedNote, PlayerPart, ServerMessage, Start, Transport
from streaming.session import Session
from streaming.truth import Happening, Truth

Emit = Callable[[ServerMessage], None]  # called in the engine thread, with the host's lock held: must not block
Heard = PlayedNote | Pedal | Control | Transport

AHEAD_S: Final = 10.0  # a tick that jumps further ahead is a mistake, and would end all that sounds
SAID_AGAIN: Final = 1024  # messages that a client which was cut off says again at once
UNTOLD: Final = 50_000_000  # nanoseconds; a clock that is corrected may bring a moment nearer
SHORTEST_REST_S: Final = 0.001  # so that a session that asks to be woken in the past cannot make the host spin


class Refused(TradefoursError):
    """The host says no. `code` says so to programs; after a fatal one the session is over."""

    def __init__(self, code: str, reason: str, *, fatal: bool = False) -> None:
        super().__init__(reason)
        self.code = code
        self.fatal = fatal


class Job(NamedTuple):
    """A step of the engine on behalf of a session."""

    seat: "Seat"
    sequence: EngineSequence
    step: Step
    is_relief: bool = False  # for the context that is to take over


class Seat:
    def __init__(
        self,
        start: Start,
        emit: Emit,
        *,
        capacity: int,
        inbox_messages: int,
        is_solo: bool = False,
        journal: Journal | None = None,
        truth: Truth | None = None,
    ) -> None:
        """`is_solo`: the network plays the piano alone.

        `truth`: of this session's life before, in another server, whose journal it goes on with.
        """
        self.session = (
            Journaled(start, capacity=capacity, write=journal.write, about=journal.about, truth=truth, is_solo=is_solo)
            if journal
            else Session(start, capacity=capacity, is_solo=is_solo)
        )
        self.sequence: EngineSequence | None = None  # the engine thread opens and closes it, and the next one
        self.relief: EngineSequence | None = None  # where the next context is prepared, when the first one fills
        self._relieves = False  # whether the last step may have been for the next context
        self.seed = start.seed
        self.emit = emit
        self.is_open = True
        self.tells_tokens = start.tokens
        self._human = {player.part: player for player in start.human}
        self._left: dict[int, PlayerPart] = {}  # parts of guests who are gone
        self._journal = journal
        self._goes_on = truth is not None
        self._reached = truth.reached if truth else Tick(0)  # what the session was last told of now
        self._clock = RemoteClock(start.bpm, self._reached)
        self._inbox: deque[tuple[Heard, Nanos]] = deque()  # with the moment of arrival
        self._inbox_messages = inbox_messages
        self._unreviewed: list[Nanos] = []  # when each human note arrived that waits for its review
        self._tells_at = Nanos(0)  # nothing is to be told before
        self._was_urgent = False
        self._owed_since: Nanos | None = None  # when a turn came by itself whose first note is still to come

    def tick_at(self, now: Nanos) -> Tick | None:
        """Where the player's clock is believed to be; None before it was heard."""
        return self._clock.tick_at(now)

    def hear_clock(self, tick: int, now: Nanos) -> None:
        """The first tick may be any: a DAW need not begin at its first bar."""
        believed = self._clock.tick_at(now)
        if believed is not None and tick > (latest := believed + round(AHEAD_S / self._seconds_per_tick)):
            raise Refused("bad_tick", f"expected a tick of at most {latest}, 10 s ahead of the clock, got {tick}")
        self._clock.heard(Tick(tick), now)

    def hear_beat(self, tick: int, bpm: float | None, now: Nanos) -> None:
        """Where the player's clock is, and how fast it goes, if that is new; 0: it stands."""
        self._tells_at = Nanos(0)
        if bpm == 0:
            self._clock.stand(Tick(tick))
            return
        if bpm is not None:
            self._clock.turn_to(bpm, Tick(tick), now)
        self.hear_clock(tick, now)

    @property
    def _seconds_per_tick(self) -> float:
        return 60 / self._clock.bpm / TICKS_PER_QUARTER

    def hear_round_trip(self, ms: float) -> None:
        self._tells_at = Nanos(0)
        self.session.hear_round_trip(round(ms / 1000 / self._seconds_per_tick))

    def join(self, player: PlayerPart, now: Nanos) -> None:
        self._tells_at = Nanos(0)
        if self._left.get(player.part) != player:  # one who comes back is known
            self.session.join(player)
        self._left.pop(player.part, None)
        self._human[player.part] = player

    def leave(self, parts: frozenset[int]) -> None:
        self._left |= {part: self._human[part] for part in parts}

    def deliver(self, message: Heard, now: Nanos, *, keeps_time: bool = True) -> None:
        """Put a message into the inbox. A full inbox means a flood: the session ends.

        Raises BadSetting for a control that makes no sense.
        """
        if len(self._inbox) >= self._inbox_messages:
            raise Refused("flood", f"expected at most {self._inbox_messages} messages at once, got more", fatal=True)
        if isinstance(message, PlayedNote | Pedal) and message.part not in self._human:
            raise Refused("bad_part", f"expected a human part among {sorted(self._human)}, got {message.part}")
        if isinstance(message, Control):
            self.session.check(message)
        elif keeps_time and not self._clock.stands and not (self._goes_on and self.tick_at(now) is None):
            self.hear_clock(message.tick, now)  # else it may be long past: a heartbeat tells the clock first
        self._inbox.append((message, now))

    def expect_what_was_missed(self) -> None:
        """The client was cut off, and says again at once what may not have been heard."""
        self._inbox_messages = max(self._inbox_messages, 2 * SAID_AGAIN)

    @property
    def has_heard(self) -> bool:
        """The player has said something that waits to be read."""
        return bool(self._inbox) and self._clock.is_known

    @property
    def is_ready(self) -> bool:
        """It can be polled."""
        return self.is_open and self.sequence is not None and self._clock.is_known

    def is_pressed(self, now: Nanos) -> bool:
        """The machine's next notes are undecided."""
        return self.session.is_pressed(self._tick(now))

    def read_inbox(self, moment: Nanos) -> None:
        now = self._touch(moment)
        while self._inbox:
            message, at = self._inbox.popleft()
            event = _event(message)
            if isinstance(event, NoteOn):
                self._unreviewed.append(at)
            if not isinstance(event, Control | Transport):
                # What comes long after its moment, from a client that was cut off, is told as of its moment.
                self._reached = Tick(max(self._reached, min(now, event.tick)))
                self.session.receive(event, self._reached, message.seq)
            else:
                self._reached = now
                self.session.receive(event, now, message.seq)

    def poll(self, now: Nanos) -> Job | None:
        """The session's next step. Remembers since when a turn that came by itself, after a pause, say, has no note.

        A session that always has a note to write would never have time for its next context: every other step is that.
        """
        assert self.sequence is not None
        tick = self._reached = self._touch(now)
        self._relieves = not self._relieves and not self.session.urgent
        if self._relieves and (job := self._relieve(tick)):
            return job
        step = self.session.poll(tick)
        if not self.session.urgent:
            self._owed_since = None
        elif not (self._was_urgent or self._unreviewed):
            self._owed_since = now
        self._was_urgent = self.session.urgent
        if step is None:
            return self._relieve(tick)
        return Job(self, self.sequence, step)

    def accept(self, job: Job, drawn: Drawn, now: Nanos) -> EngineSequence | None:
        """The result of a job. Returns a sequence that is no longer needed."""
        tick = self._touch(now)
        if not job.is_relief:
            self.session.accept(drawn, tick)
        elif self.session.accept_relief(tick):
            old, self.sequence, self.relief = self.sequence, self.relief, None
            return old
        return None

    def may_tell(self, now: Nanos) -> bool:
        """`take_plan` may have something to tell."""
        return now >= self._tells_at and self._clock.is_known

    def take_plan(self, now: Nanos) -> tuple[Plan | None, Tick]:
        """What has changed since the last call, at this tick."""
        tick = self._tick(now)
        plan = self.session.take_plan(tick)
        change = self.session.next_change(tick)
        ahead = UNTOLD if change is None else min(UNTOLD, round((change - tick) * self._seconds_per_tick * 1e9))
        self._tells_at = Nanos(now + ahead)
        return plan, tick

    def _touch(self, now: Nanos) -> Tick:
        """Something happens in the session: then there may be something to tell."""
        self._tells_at = Nanos(0)
        return self._tick(now)

    def _tick(self, now: Nanos) -> Tick:
        tick = self._clock.tick_at(now)
        assert tick is not None
        return tick

    def close_journal(self, *, is_over: bool) -> None:
        """Nothing more happens. `is_over`: nobody may go on with it."""
        if self._journal and self._journal.is_open:
            if is_over and isinstance(self.session, Journaled):
                self.session.end()
            self._journal.close()

    @property
    def sequences(self) -> list[EngineSequence]:
        return [sequence for sequence in (self.sequence, self.relief) if sequence is not None]

    def _relieve(self, tick: Tick) -> Job | None:
        step = self.session.relieve(tick) if self.relief is not None else None
        return Job(self, self.relief, step, is_relief=True) if step and self.relief else None

    def reactions_ns(self, plan: Plan, now: Nanos) -> list[int]:
        """How long each human note waited for the review that `plan` tells of, and a turn for its first note."""
        since = []
        if plan.reviewed_seq is not None:
            since, self._unreviewed = self._unreviewed, []
        if plan.add and self._owed_since is not None:
            since.append(self._owed_since)
            self._owed_since = None
        return [now - each for each in since]

    def margins_ns(self, plan: Plan, tick: Tick) -> list[int]:
        """How long before its moment each new note of `plan` is told of, at `tick`; negative: it is too late."""
        ns_per_tick = self._seconds_per_tick * 1e9
        return [round((note.tick - tick) * ns_per_tick) for note in plan.add]

    def rest_s(self, now: Nanos) -> float | None:
        """How long the session needs nothing; None: until a message comes."""
        tick = self.tick_at(now)
        wake = None if tick is None else self.session.next_wake(tick)
        if tick is None or wake is None or self._clock.stands:
            return None
        return max(SHORTEST_REST_S, (wake - tick) * self._seconds_per_tick)


def _event(message: Heard) -> Happening:
    if not isinstance(message, PlayedNote):
        return message
    tick = Tick(message.tick)
    if message.velocity:
        return NoteOn(tick, message.part, message.pitch, message.velocity)
    return NoteOff(tick, message.part, message.pitch)
