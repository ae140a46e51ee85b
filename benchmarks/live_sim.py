"""A live set on a virtual clock: the real host, session and engine; only time and the musician are simulated.

While the engine computes, the clock goes on by the processor time that it took, so that other work on this machine
does not count, or by a fixed price. Knows no corpus.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import thread_time_ns
from typing import Any, Final

from benchmarks.around import Around
from model.engine.work import Drawn, Engine, Step
from model.tokens.codec import Header
from music.errors import TradefoursError
from music.score import Note
from music.time import Nanos, Tempo, TempoMap, Tick
from server.host import SessionHost
from streaming.machine import Machine
from streaming.messages import (
    HEARTBEAT_S,
    ClientHeartbeat,
    ErrorMessage,
    Plan,
    PlannedNote,
    PlayedNote,
    ServerMessage,
    Start,
)
from streaming.scribe import Line, Scribe

HEARTBEAT: Final = Nanos(round(HEARTBEAT_S * 1e9))
NOWHERE: Final = Nanos(2**62)


@dataclass(frozen=True, slots=True)
class View:
    """What the player knows at one moment of what the machine is about to do."""

    at: Tick
    committed: tuple[PlannedNote, ...]  # those that have begun, too
    tentative: tuple[PlannedNote, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Set:
    """What a simulated set was like. Reactions are None where nothing was to be answered."""

    notes: tuple[Note, ...]  # the machine's, as they sounded, sorted
    ages: tuple[int, ...]  # of each, ticks from when it was told to its onset
    planned: int  # notes that were told
    cancelled: int  # of those, how many were taken back
    reaction_p50_ns: int | None
    reaction_p95_ns: int | None
    in_time_share: float
    late: int
    rested: int
    engine_ns: int  # for which the engine computed, by the virtual clock
    views: tuple[View, ...]


def simulate(
    engine: Engine[Any],
    start: Start,
    human: Sequence[Note],
    ticks: int,
    *,
    step_ns: int | None = None,
    is_deaf: bool = False,
    look_at: Sequence[Tick] = (),
) -> Set:
    """Play `human` to a new session until tick `ticks`. `step_ns`: price of a pass of the engine; None: its own time.

    `is_deaf`: the network is not told the humans' notes; when it may play, and when it plans anew, stays the same.
    `look_at`: moments of which to return views.
    """
    simulated = Simulation(engine, start, human, step_ns, look_at)
    if is_deaf:
        simulated.deafen(frozenset(player.part for player in start.human))
    simulated.advance(Tick(ticks))
    return simulated.finish(Tick(ticks))


@dataclass
class _Ear:
    """Hears the plans as a player's side does."""

    told: dict[int, PlannedNote] = field(default_factory=dict)
    ages: dict[int, int] = field(default_factory=dict)
    committed: set[int] = field(default_factory=set)
    cancelled: set[int] = field(default_factory=set)

    def hear(self, plan: Plan, now: Tick) -> None:
        for note in plan.add:
            self.told[note.id], self.ages[note.id] = note, note.tick - now
        self.committed.update(plan.commit)
        self.cancelled.update(plan.cancel)

    @property
    def sounded(self) -> list[int]:
        return sorted(self.committed - self.cancelled, key=lambda id: (self.told[id].tick, id))

    def view(self, now: Tick) -> View:
        open_ids = self.told.keys() - self.committed - self.cancelled
        return View(now, *(tuple(self.told[id] for id in sorted(ids)) for ids in (self.sounded, open_ids)))


class _Forgetful(_Ear):
    """Hears, and keeps nothing."""

    def hear(self, plan: Plan, now: Tick) -> None:
        pass


class _PricedEngine(Around):
    """An engine whose work takes virtual time."""

    def __init__(self, engine: Engine[Any], step_ns: int | None, spend: Callable[[int], None]) -> None:
        super().__init__(engine)
        self._step_ns, self._spend = step_ns, spend
        self.spent_ns = 0

    def run(self, work: Sequence[tuple[Any, Step]]) -> list[Drawn]:
        began = thread_time_ns()
        drawn = super().run(work)
        passes = max(len(tokens) or 1 for tokens in drawn)
        took = thread_time_ns() - began if self._step_ns is None else passes * self._step_ns
        self.spent_ns += took
        self._spend(took)
        return drawn


class _DeafScribe(Scribe):
    """Writes down what the machine plays, and of the humans nothing."""

    def __init__(self, header: Header, known: Scribe, humans: frozenset[int]) -> None:
        super().__init__(header, known.limit)
        self._humans: frozenset[int] = frozenset()
        for line in known.lines:  # what was before the session is known to everybody
            self.add(line)
        self._humans = humans

    def add(self, line: Line) -> None:
        if line.part not in self._humans:
            super().add(line)


class Simulation:
    """A set that is under way. `advance` may be called again and again, and once `finish`."""

    def __init__(
        self,
        engine: Engine[Any],
        start: Start,
        human: Sequence[Note],
        step_ns: int | None,
        look_at: Sequence[Tick] = (),
        *,
        remembers: bool = True,
    ) -> None:
        """`remembers`: else nobody keeps what was told, as in a set of hours."""
        self._now = Nanos(0)
        self._time = TempoMap([Tempo.from_bpm(start.bpm)])
        self._engine = _PricedEngine(engine, step_ns, lambda took: self._pass_to(Nanos(self._now + took)))
        self._host = SessionHost(self._engine, max_sessions=1, now=lambda: self._now)
        self._seat = self._host.open(start, self._hear)
        self._ear = _Ear() if remembers else _Forgetful()
        self._keys = deque(_keys(human))
        self._beat = Nanos(0)
        self._look_at, self._views = deque(look_at), list[View]()

    def deafen(self, humans: frozenset[int]) -> None:
        machine = self._seat.session._machine  # of all that plays, only this is not as users have it
        assert isinstance(machine, Machine)
        machine.scribe = _DeafScribe(machine.settings.header, machine.scribe, humans)

    def advance(self, end: Tick) -> None:
        last = self._time.nanos_at(end)
        self._pass_to(self._now)
        while self._now < last:
            if not self._host.turn():
                rest_s = self._seat.rest_s(self._now)
                wake = NOWHERE if rest_s is None else self._now + round(rest_s * 1e9)
                self._pass_to(Nanos(min(last, wake, self._next_event())))

    def counted(self) -> dict[str, float]:
        """So far."""
        session = self._seat.session
        return {"late": session.late, "rested": session.rested, "in_time_share": session.in_time_share}

    def finish(self, end: Tick) -> Set:
        status, session = self._host.status(), self._seat.session
        self._host.close(self._seat)
        self._host.turn()  # gives the engine's memory back
        told, sounded = self._ear.told, [id for id in self._ear.sounded if self._ear.told[id].tick < end]
        return Set(
            notes=tuple(_note(told[id], end) for id in sounded),
            ages=tuple(self._ear.ages[id] for id in sounded),
            planned=len(told),
            cancelled=len(self._ear.cancelled),
            reaction_p50_ns=status.reaction_p50_ns,
            reaction_p95_ns=status.reaction_p95_ns,
            in_time_share=session.in_time_share,
            late=session.late,
            rested=session.rested,
            engine_ns=self._engine.spent_ns,
            views=tuple(self._views),
        )

    def _next_event(self) -> Nanos:
        key = self._time.nanos_at(Tick(self._keys[0].tick)) if self._keys else NOWHERE
        look = self._time.nanos_at(self._look_at[0]) if self._look_at else NOWHERE
        return min(self._beat, key, look)

    def _pass_to(self, then: Nanos) -> None:
        """The clock goes on, and what happens on the way happens at its own moment."""
        while (at := self._next_event()) <= then:
            self._now = max(self._now, at)
            if at == self._beat:
                self._host.heartbeat(self._seat, ClientHeartbeat(tick=self._time.tick_at(at)))
                self._beat = Nanos(self._beat + HEARTBEAT)
            elif self._keys and at == self._time.nanos_at(Tick(self._keys[0].tick)):
                self._host.deliver(self._seat, self._keys.popleft())
            else:
                self._views.append(self._ear.view(self._look_at.popleft()))
        self._now = max(self._now, then)

    def _hear(self, message: ServerMessage) -> None:
        if isinstance(message, ErrorMessage):
            raise TradefoursError(f"expected the session to play on, got: {message.reason}")
        if isinstance(message, Plan):
            self._ear.hear(message, self._time.tick_at(self._now))


def _keys(human: Sequence[Note]) -> list[PlayedNote]:
    """Downs and ups in order; of what comes at one moment, ups go first."""
    downs = [(note.onset, 1, note.part, note.pitch, note.velocity) for note in human]
    ups = [(note.end, 0, note.part, note.pitch, 0) for note in human]
    return [
        PlayedNote(seq=i, tick=tick, part=part, pitch=pitch, velocity=velocity)
        for i, (tick, _, part, pitch, velocity) in enumerate(sorted(downs + ups))
    ]


def _note(told: PlannedNote, end: Tick) -> Note:
    """As it sounded until `end`."""
    return Note(Tick(told.tick), told.part, told.pitch, told.velocity, min(told.duration, end - told.tick))
