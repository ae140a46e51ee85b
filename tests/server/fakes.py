"""An engine without a network and a session without music, so that the host's own behaviour shows."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import Any

from model.engine.work import BadStep, Cached, Draw, Drawn, EngineFull, Step
from music.time import Nanos, Tick
from streaming.messages import Control, Plan, PlannedNote, PlayerPart, Start
from streaming.settings import Settings
from tests.chains import chain

MS = 1_000_000


class FakeSequence:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.length = 0
        self.is_closed = False

    def close(self) -> None:
        self.is_closed = True


class FakeEngine:
    """Draws any allowed token, in no time. `breaks` makes every run raise, `places` bounds its open sequences."""

    capacity = 2048

    def __init__(self) -> None:
        self.sequences: list[FakeSequence] = []
        self.batches: list[list[FakeSequence]] = []
        self.breaks = False
        self.places = 100

    def cached(self) -> Cached:
        lengths = [each.length for each in self.sequences if not each.is_closed]
        most = self.places * self.capacity
        return Cached(sequences=len(lengths), most_sequences=self.places, bytes=sum(lengths), most_bytes=most)

    def open(self, seed: int) -> FakeSequence:
        if sum(not sequence.is_closed for sequence in self.sequences) >= self.places:
            raise EngineFull("expected fewer sequences, got one more")
        self.sequences.append(FakeSequence(seed))
        return self.sequences[-1]

    def fork(self, sequence: FakeSequence, seed: int) -> FakeSequence:
        copy = self.open(seed)
        copy.length = sequence.length
        return copy

    def run(self, work: Sequence[tuple[FakeSequence, Step]]) -> list[Drawn]:
        if self.breaks:
            raise RuntimeError("out of memory")
        if any(step.keep > sequence.length for sequence, step in work):
            raise BadStep("expected to keep less, got more")
        self.batches.append([sequence for sequence, _ in work])
        return [self._step(sequence, step) for sequence, step in work]

    def _step(self, sequence: FakeSequence, step: Step) -> Drawn:
        assert not sequence.is_closed
        drawn = chain(step.draw, lambda draw: sequence.random.randrange(*sequence.random.choice(draw.allowed)))
        sequence.length = step.keep + len(step.append) + len(drawn[:-1])
        return drawn


@dataclass
class ManualClock:
    now: int = 0

    def __call__(self) -> Nanos:
        return Nanos(self.now)


@dataclass
class ScriptedSession:
    """Wants `steps` tokens after every message, then plans one note that answers it."""

    settings: Start
    capacity: int
    late: int = 0
    rested: int = 0
    in_time_share: float = 1.0
    is_solo: bool = False
    steps: int = 1
    wake: Tick | None = None
    urgent: bool = False
    pressed: bool = False
    fails: bool = False
    keep: int = 0
    round_trip: int = 0
    heard: list[tuple[Any, Tick, int | None]] = field(default_factory=list)
    drawn: list[Drawn] = field(default_factory=list)
    polls: int = 0
    has_heard: Event = field(default_factory=Event)
    _owed: int = 0

    def receive(self, event: Any, now: Tick, seq: int | None = None) -> None:
        self.heard.append((event, now, seq))
        self._owed = self.steps
        self.has_heard.set()

    def check(self, control: Control) -> None:
        Settings.of(self.settings).changed(control)

    def join(self, player: PlayerPart, now: Tick) -> None:
        Settings.of(self.settings).joined(player)

    def hear_round_trip(self, ticks: int) -> None:
        self.round_trip = ticks

    wants_relief: bool = False
    relief_steps: int = 0

    def relieve(self, now: Tick) -> Step | None:
        return Step(keep=0, append=(1,)) if self.relief_steps else None

    def accept_relief(self, now: Tick) -> bool:
        self.relief_steps -= 1
        self.wants_relief = self.relief_steps > 0
        return not self.wants_relief

    def is_pressed(self, now: Tick) -> bool:
        return self.pressed

    def poll(self, now: Tick) -> Step | None:
        self.polls += 1
        if self.fails:
            raise ValueError("expected music, got noise")
        return Step(keep=self.keep, append=(1, 2), draw=Draw(allowed=((10, 20),))) if self._owed else None

    def accept(self, drawn: Drawn, now: Tick) -> None:
        self._owed -= 1
        self.drawn.append(drawn)

    def take_plan(self, now: Tick) -> Plan | None:
        if self._owed or not self.heard or len(self.drawn) < self.steps * len(self.heard):
            return None
        seq = self.heard[-1][2]
        self.heard.clear()
        self.drawn.clear()
        note = PlannedNote(id=0, tick=now + 240, duration=240, part=1, pitch=60, velocity=80)
        return Plan(add=(note,), commit=(0,), answers_seq=seq, reviewed_seq=seq)

    def next_change(self, now: Tick) -> Tick | None:
        return None

    def next_wake(self, now: Tick) -> Tick | None:
        return self.wake

    def sounding(self, now: Tick) -> tuple[int, ...]:
        return (7,)
