"""A whole set on a clock that the test winds: a fake engine, a player, and a listener who checks the plan's laws."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import strategies as st

from model.engine.work import Draw, Drawn, Step
from model.tokens import performance
from model.tokens.codec import Encoder, Header, step_of
from model.tokens.grammar import State, checked_advance, is_allowed
from model.tokens.performance import END, OFF, SHIFT, Performance
from model.tokens.vocabulary import BAR, PART
from music.events import NoteOff, NoteOn
from music.score import Note
from music.time import MeterChange, MeterMap, Tick
from streaming.machine import Machine
from streaming.messages import Control, Pedal, Plan, PlannedNote, Start, Transport
from streaming.scribe import Scribe
from streaming.session import Session
from tests.chains import chain

Happening = NoteOn | NoteOff | Control | Transport | Pedal
Arrival = tuple[Tick, Happening]  # when the session hears of it, and what


class FakeEngine:
    """Draws by dice, and insists that every step is legal."""

    def __init__(
        self,
        seed: int = 0,
        ticks_per_token: int = 0,
        capacity: int = 1_000_000,
        expects_human: float = 0.0,
        human: int = 1,
    ) -> None:
        self.seed = seed
        self.expects_human = expects_human  # how often it says that a human is next, where it might be
        self.human = human  # the first human's slot
        self._dice = random.Random(seed)
        self._human_dice = random.Random(seed)
        self.tokens: list[int] = []
        self._states = [State()]
        self.capacity = capacity
        self.ticks_per_token = ticks_per_token
        self.draws = 0

    @property
    def length(self) -> int:
        return len(self.tokens)

    def run(self, step: Step) -> Drawn:
        rewind(step, self.tokens, self._states)
        self._read(step.append)
        drawn = list[int]()
        draw = step.draw
        while draw is not None:
            self._read(drawn[-1:])
            drawn.append(self._draw(draw))
            draw = draw.behind(drawn[-1])
        return tuple(drawn)

    def _read(self, tokens: Sequence[int]) -> None:
        self.tokens += tokens
        for token in tokens:
            self._states.append(checked_advance(self._states[-1], token))
        assert self.length <= self.capacity

    def _draw(self, draw: Draw) -> int:
        self.draws += 1
        who = draw.allowed
        humans = tuple(each for each in who if each[0] in PART and each[0] >= PART[self.human])
        if humans and len(who) > len(humans):
            is_expected = self._human_dice.random() < self.expects_human
            who = humans if is_expected else tuple(each for each in who if each not in humans)
        first, stop = self._dice.choice(who) if len(who) > 1 else who[0]
        token = self._dice.randrange(first, stop) if stop - first > 1 else first
        assert is_allowed(self._states[-1], token)
        return token


def rewind(step: Step, tokens: list[int], states: list[Any]) -> None:
    """To what `step` keeps. `states`: before the first token, and after each."""
    assert step.append, "a step without tokens has no logits to draw from"
    assert step.keep <= len(tokens)
    del states[step.keep + 1 :], tokens[step.keep :]


class FakePiano:
    """As FakeEngine, of performance tokens. Its keys stay down for `held` waits or so."""

    def __init__(self, seed: int = 0, ticks_per_token: int = 0, held: int = 3) -> None:
        self._dice = random.Random(seed)
        self._held = held
        self.ticks_per_token = ticks_per_token
        self.tokens: list[int] = []
        self._states = [Performance()]
        self.draws = 0  # that are not listening alone

    @property
    def length(self) -> int:
        return len(self.tokens)

    def run(self, step: Step) -> Drawn:
        rewind(step, self.tokens, self._states)
        for token in step.append:
            self.tokens.append(token)
            self._states.append(performance.advance(self._states[-1], token))
        return chain(step.draw, self._draw)

    def _draw(self, draw: Draw) -> int:
        if draw.allowed == ((END, END + 1),):
            return END
        self.draws += 1
        waits = [
            token for first, stop in draw.allowed for token in range(first, min(stop, first + 30)) if token in SHIFT
        ]
        others = [token for first, stop in draw.allowed for token in range(first, stop) if token not in SHIFT]
        downs = [token for token in others if token not in OFF]
        if waits and (not others or self._dice.random() < 0.4):
            return self._dice.choice(waits)
        return self._dice.choice(downs if downs and self._dice.random() < 1 - 1 / self._held else others)


@dataclass
class Listener:
    """Hears every plan and checks that it keeps its word."""

    machine: frozenset[int]
    told: dict[int, PlannedNote] = field(default_factory=dict)
    heard_at: dict[int, Tick] = field(default_factory=dict)
    committed: set[int] = field(default_factory=set)
    committed_at: dict[int, Tick] = field(default_factory=dict)
    cancelled: set[int] = field(default_factory=set)
    silenced_at: list[Tick] = field(default_factory=list)
    plans: list[Plan] = field(default_factory=list)

    def hear(self, plan: Plan, now: Tick) -> None:
        self.plans.append(plan)
        if plan.silence:
            self.silenced_at.append(now)
        for note in plan.add:
            assert note.id not in self.told
            assert note.tick >= now, "a note was sent too late to sound"
            assert note.part in self.machine
            self.told[note.id], self.heard_at[note.id] = note, now
        for id in plan.commit:
            assert id in self.told
            assert id not in self.committed
            assert id not in self.cancelled
            self.committed.add(id)
            self.committed_at[id] = now
        for id in plan.cancel:
            assert id in self.told
            assert id not in self.cancelled
            assert plan.silence or id not in self.committed, "a committed note was taken back"
            self.cancelled.add(id)

    def forget(self) -> None:
        """What is over, so that a long set needs no long memory."""
        newest = max(self.told, default=0)
        over = (self.committed | self.cancelled) & {id for id in self.told if id < newest - 1000}
        for id in over:
            del self.told[id], self.heard_at[id]
            self.committed_at.pop(id, None)
        self.committed -= over
        self.cancelled -= over
        self.plans.clear()

    def sounded(self) -> list[Note]:
        """What the player heard of the machine; a note ends when silence is ordered."""
        notes = []
        for id in sorted(self.committed - self.cancelled):
            note = self.told[id]
            ends = [note.tick + note.duration, *(tick for tick in self.silenced_at if tick > note.tick)]
            notes.append(Note(Tick(note.tick), note.part, note.pitch, note.velocity, min(ends) - note.tick))
        return notes


@dataclass
class LiveSet:
    """A session, its engine and its listener on one clock."""

    session: Session
    engine: "FakeEngine | FakePiano"
    listener: Listener
    now: Tick = Tick(0)
    longest_transcript: int = 0
    reliefs: int = 0
    relief_engine: FakeEngine | None = None

    def play(self, arrivals: Iterable[Arrival], until: int) -> None:
        waiting = sorted(arrivals, key=lambda arrival: arrival[0])
        waiting.reverse()
        while self.now < until:
            while waiting and waiting[-1][0] <= self.now:
                self.session.receive(waiting.pop()[1], self.now)
            if not self._work():
                self._sleep(min(until, waiting[-1][0]) if waiting else until)

    def _work(self) -> bool:
        """One round; False where there was nothing to do."""
        step = self.session.poll(self.now)
        if step:
            drawn = self.engine.run(step)
            self.now = Tick(self.now + self.engine.ticks_per_token * len(drawn))
            self.session.accept(drawn, self.now)
            self.longest_transcript = max(self.longest_transcript, self.engine.length)
        relief = None if step else self._relieve()
        plan = self.session.take_plan(self.now)
        if plan:
            self.listener.hear(plan, self.now)
        return bool(step or relief or plan)

    def _relieve(self) -> bool:
        """The next context, where there is nothing else to do."""
        step = self.session.relieve(self.now)
        if step is None:
            return False
        if self.relief_engine is None:
            assert isinstance(self.engine, FakeEngine)
            old = self.engine
            self.relief_engine = FakeEngine(old.seed, old.ticks_per_token, old.capacity, human=old.human)
        assert len(step.append) <= 64
        assert self.relief_engine.run(step) == ()
        if self.session.accept_relief(self.now):
            self.reliefs += 1
            self.engine, self.relief_engine = self.relief_engine, None
        return True

    def _sleep(self, latest: int) -> None:
        """Until the session has something to do, and not one tick too long."""
        wake = self.session.next_wake(self.now)
        assert wake is None or wake >= self.now
        target = Tick(min(latest, latest if wake is None else wake))
        for early in {(self.now + target) // 2, target - 1}:
            if self.now < early < target:
                assert self.session.poll(Tick(early)) is None
                assert self.session.take_plan(Tick(early)) is None
        if target == self.now:  # woken for a change that is no message: it must not be said again
            self.session.poll(self.now)
            assert self.session.next_wake(self.now) != self.now or self._work(), "the session would spin"
        self.now = target


def live_set(
    start: Start,
    *,
    seed: int = 0,
    ticks_per_token: int = 0,
    capacity: int = 1_000_000,
    expects_human: float = 0.0,
) -> LiveSet:
    listener = Listener(frozenset(player.part for player in start.machine))
    engine = FakeEngine(seed, ticks_per_token, capacity, expects_human, human=len(start.machine))
    return LiveSet(Session(start, capacity=capacity), engine, listener)


def solo_set(
    start: Start | None = None, *, seed: int = 0, ticks_per_token: int = 0, capacity: int = 4096, held: int = 3
) -> LiveSet:
    """With a network for solo piano."""
    session = Session(start or Start(), capacity=capacity, is_solo=True)
    return LiveSet(session, FakePiano(seed, ticks_per_token, held), Listener(frozenset({1})))


def scribe_of(session: Session) -> Scribe:
    """Of one that plays with others."""
    machine = session._machine
    assert isinstance(machine, Machine)
    return machine.scribe


def human_notes(arrivals: Iterable[Arrival], longest: int, chord: int = 14) -> list[Note]:
    """What a patient ear makes of the keys and pedals: the last of several presses of a key at one step counts.

    Keys of a part within `chord` ticks of a chord's first one begin with it.
    """
    notes: dict[tuple[int, int, int], Note] = {}
    held: dict[tuple[int, int], tuple[NoteOn, Tick]] = {}  # by part and pitch: as played, and where it is heard
    up: set[tuple[int, int]] = set()  # held by the pedal alone
    pedals: set[int] = set()
    chord_starts: dict[int, Tick] = {}

    def release(key: tuple[int, int], tick: int) -> None:
        up.discard(key)
        if key in held:
            on, heard = held.pop(key)
            duration = min(max(1, tick - on.tick), longest)
            notes[step_of(heard), *key] = Note(heard, on.part, on.pitch, on.velocity, duration)

    last = 0
    for at, event in sorted(arrivals, key=lambda arrival: arrival[0]):
        last = max(last, at)
        for key in [key for key, (on, _) in held.items() if on.tick + longest <= at]:
            release(key, held[key][0].tick + longest)
        if isinstance(event, NoteOn):
            key = event.part, event.pitch
            release(key, event.tick)
            if event.part not in chord_starts or abs(event.tick - chord_starts[event.part]) > chord:
                chord_starts[event.part] = event.tick
            held[key] = event, chord_starts[event.part]
        elif isinstance(event, NoteOff):
            key = event.part, event.pitch
            up.add(key) if event.part in pedals else release(key, event.tick)
        elif isinstance(event, Pedal):
            pedals.add(event.part) if event.down else pedals.discard(event.part)
            for key in [] if event.down else [key for key in up if key[0] == event.part]:
                release(key, event.tick)
    for key in list(held):
        release(key, last + 2 * longest)
    return list(notes.values())


def fresh_encoding(header: Header, notes: Iterable[Note], first: int | None = None) -> list[int]:
    """Everything that sounded, told in order, from the bar of grid step `first` on: the first note's, if not said."""
    tokens = header.tokens()
    state = State()
    for token in tokens:
        state = checked_advance(state, token)
    in_slots = (replace(note, part=header.slot_of(note.part)) for note in notes)
    ordered = sorted(in_slots, key=lambda note: (step_of(note.onset), note.part, note.pitch))
    if first is None:
        first = step_of(ordered[0].onset) if ordered else 0
    encoder = Encoder(
        MeterMap([MeterChange(Tick(0), header.meter)]),
        State(
            last=state.last,
            header_parts=state.header_parts,
            bar_start=first - first % state.bar_length,
            meter=state.meter,
            part=state.part,
        ),
    )
    for note in ordered:
        tokens += encoder.note(note)
    return tokens


def without_last_bars(tokens: Iterable[int]) -> list[int]:
    """Bars that pass in silence say nothing."""
    kept = list(tokens)
    while kept and kept[-1] in BAR:
        kept.pop()
    return kept


@st.composite
def playing(draw: st.DrawFn, notes: int = 12, longest_rest: int = 1500, part: int = 0) -> list[Arrival]:
    """Keys of one player, heard out of order by up to a few dozen ticks; some never come up, some twice."""
    arrivals: list[Arrival] = []
    tick = 100
    for _ in range(draw(st.integers(1, notes))):
        tick += draw(st.sampled_from([0, 3, 12, 60, 120, 240, longest_rest]))
        pitch, length = draw(st.integers(59, 62)), draw(st.sampled_from([1, 5, 40, 120, 300, 900, 12_000]))
        delays = draw(st.tuples(st.integers(-5, 60), st.integers(-5, 60)))
        arrivals.append((Tick(tick + delays[0]), NoteOn(Tick(tick), part, pitch, draw(st.integers(1, 127)))))
        if draw(st.integers(0, 9)):
            arrivals.append((Tick(tick + length + delays[1]), NoteOff(Tick(tick + length), part, pitch)))
    return arrivals
