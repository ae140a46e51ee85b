"""The laws of a live session, tried on thousands of short sets in which anything may happen at any moment.

- Every note-on has one note-off, whatever is cut: the connection, the server, the music.
- What is committed is final.
- Ticks never go back.
- A replay of the journal equals the set.
- Rewinds and replays leave what a fresh prefill would read, token for token.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from clients.player_side import PlayerSide
from model.tokens.codec import step_of
from music.events import NoteOff, NoteOn
from music.score import Note
from music.time import Nanos, Tick
from streaming.clock import PlayerClock, RemoteClock
from streaming.journal import Journaled, read_truth
from streaming.messages import Control, Mode, Pedal, Plan, PlayerPart, PromptNote, Start, Transport
from streaming.playout import Playout, PortMessage
from streaming.truth import prompt_lines
from tests.conftest import laws
from tests.streaming.live_set import (
    FakeEngine,
    Happening,
    Listener,
    LiveSet,
    fresh_encoding,
    human_notes,
    scribe_of,
    without_last_bars,
)
from tests.streaming.test_journal import ABOUT, Book, replayed

pytestmark = pytest.mark.slow

MODES: tuple[Mode, ...] = ("answer", "duet", "accompany", "trade", "continue")
BAND = (PlayerPart(part=1), PlayerPart(part=9, program=128))
GUEST = 5
MS = 1_000_000  # nanoseconds
BPMS = st.sampled_from([20.0, 93.7, 120.0, 400.0])
MACHINE = frozenset({1, 2, 9})  # every part that it may ever have
HUMANS = st.sampled_from([0, GUEST])
PITCHES = st.integers(59, 62)
RESTS = st.sampled_from([0, 1, 7, 40, 119, 240, 480, 900, 2000])  # ticks
BEHIND = st.sampled_from([0, 0, 3, 14, 60, 500])  # so long a message travels

starts = st.builds(
    Start,
    mode=st.sampled_from(MODES),
    meter=st.sampled_from(["4/4", "4/4", "3/4", "5/8"]),
    bpm=st.sampled_from([120.0, 93.7, 400.0]),
    machine=st.sampled_from([BAND[:1], BAND]),
    trade_bars=st.just(1),
    count_in_bars=st.sampled_from([0, 0, 1]),
    chords=st.sampled_from(["", "", "follow", "Am7 | D7 G7"]),
    leave_space=st.sampled_from([0.0, 0.0, 1.0]),
    answer_on_bar=st.booleans(),
    prompt=st.sampled_from([(), (), (PromptNote(tick=100, duration=200, part=1, pitch=60, velocity=70),)]),
)
controls = st.one_of(
    st.builds(Control, mode=st.sampled_from(MODES)),
    st.builds(Control, freeze=st.booleans()),
    st.builds(Control, machine=st.sampled_from([BAND, (PlayerPart(part=2),), (PlayerPart(part=1, low=60),)])),
    st.builds(
        Control, density=st.sampled_from([-1.0, 1.0]), mute=st.sampled_from([(), (1,)]), key=st.sampled_from(["", "C"])
    ),
)


class Player(Listener):
    """Hears the plans as the bridge does, and remembers what reached the port."""

    def __init__(self, start: Start) -> None:
        super().__init__(MACHINE)
        self.sent: list[PortMessage] = []
        self.is_connected = True
        self.newest_note = 0  # its seq
        self._clock = PlayerClock(start.bpm)
        self._clock.play(Nanos(0))
        self._side = PlayerSide(self._clock, {})
        self._playout = Playout()
        self._missed: list[Plan] = []

    def hear(self, plan: Plan, now: Tick) -> None:
        super().hear(plan, now)
        self._missed.append(plan)
        self.follow(now)

    def follow(self, now: Tick) -> None:
        """Play what is due, and read what has come."""
        nanos = self._clock.nanos_at(now)
        assert nanos is not None
        self.sent += self._playout.pop_due(nanos)
        for plan in self._missed if self.is_connected else ():
            if plan.silence:
                self.silence()
            for sound in self._side.follow(plan, nanos):
                self._playout.schedule(sound.id, sound.due, sound.off, sound.channel, sound.pitch, sound.velocity)
        if self.is_connected:
            self._missed.clear()

    def silence(self) -> None:
        self.sent += self._playout.silence()

    def cut(self) -> None:
        """The server seems to be gone."""
        self.is_connected = False
        self.silence()


@dataclass
class Past:
    """What earlier lives of the session have left behind."""

    notes: list[Note] = field(default_factory=list)
    players: list[Player] = field(default_factory=list)


class AnySet(RuleBasedStateMachine):
    """One set: keys, pedals, wishes, stops, stalls, a guest, lost connections and killed servers, in any order."""

    @initialize(start=starts, seed=st.integers(0, 9), cost=st.integers(0, 25), capacity=st.sampled_from([320, 2048]))
    def begin(self, start: Start, seed: int, cost: int, capacity: int) -> None:
        self.book, self.past, self.heard = Book(), Past(), list[tuple[Tick, Happening]]()
        self.start, self.seed, self.cost, self.capacity, self.seq = start, seed, cost, capacity, 0
        session = Journaled(start, capacity=capacity, write=self.book.write, about=ABOUT)
        self.sit(session, Tick(0))

    def sit(self, session: Journaled, now: Tick) -> None:
        self.session, self.player = session, Player(self.start)
        engine = FakeEngine(self.seed, self.cost, self.capacity, expects_human=0.2)
        self.live = LiveSet(session, engine, self.player, now)

    def hear(self, event: Happening) -> None:
        self.heard.append((self.live.now, event))
        self.seq += 1
        self.session.receive(event, self.live.now, self.seq)
        if isinstance(event, NoteOn):
            self.player.newest_note = self.seq

    def pass_by(self, ticks: int) -> None:
        self.live.play([], self.live.now + ticks)
        self.player.follow(self.live.now)

    # ---- anything ------------------------------------------------------------------------------------

    @rule(part=HUMANS, keys=st.lists(st.tuples(PITCHES, RESTS, RESTS), min_size=1, max_size=4), behind=BEHIND)
    def play(self, part: int, keys: list[tuple[int, int, int]], behind: int) -> None:
        """Keys down and up; those of a guest who has not joined are ignored."""
        for pitch, length, rest in keys:
            for event in (NoteOn, NoteOff):
                tick = Tick(max(0, self.live.now - behind))
                if part in self.session._settings.human:
                    self.hear(NoteOn(tick, part, pitch, 80) if event is NoteOn else NoteOff(tick, part, pitch))
                self.pass_by(length if event is NoteOn else rest)

    @rule(part=HUMANS, pitch=PITCHES, behind=BEHIND)
    def press(self, part: int, pitch: int, behind: int) -> None:
        """A key that nobody may ever lift."""
        if part in self.session._settings.human:
            self.hear(NoteOn(Tick(max(0, self.live.now - behind)), part, pitch, 90))

    @rule(down=st.booleans(), rest=RESTS)
    def tread(self, down: bool, rest: int) -> None:
        self.hear(Pedal(tick=self.live.now, down=down))
        self.pass_by(rest)

    @rule(control=controls, rest=RESTS)
    def wish(self, control: Control, rest: int) -> None:
        self.hear(control)
        self.pass_by(rest)

    @rule(action=st.sampled_from(["stop", "end"]), rest=RESTS)
    def close(self, action: Literal["stop", "end"], rest: int) -> None:
        self.hear(Transport(action=action, tick=self.live.now))
        if plan := self.session.take_plan(self.live.now):  # at once: what sounds ends when the player is told
            self.player.hear(plan, self.live.now)
        self.pass_by(rest)

    @rule(ticks=st.integers(1, 3000))
    def stall(self, ticks: int) -> None:
        """Nobody computes."""
        self.live.now = Tick(self.live.now + ticks)

    @rule(ticks=st.integers(0, 400))
    def tell_round_trip(self, ticks: int) -> None:
        self.session.hear_round_trip(ticks)

    @precondition(lambda self: GUEST not in self.session._settings.human)
    @rule()
    def join(self) -> None:
        self.session.join(PlayerPart(part=GUEST))

    # ---- cuts ----------------------------------------------------------------------------------------

    @precondition(lambda self: self.player.is_connected)
    @rule(rest=RESTS)
    def lose_connection(self, rest: int) -> None:
        self.player.cut()
        self.pass_by(rest)

    @precondition(lambda self: not self.player.is_connected)
    @rule()
    def come_back(self) -> None:
        self.player.is_connected = True
        self.player.follow(self.live.now)

    @precondition(lambda self: len(self.past.players) < 2)
    @rule(gap=st.integers(1, 3000))
    def kill_server(self, gap: int) -> None:
        """Another one goes on with what the journal knows."""
        self.player.cut()
        truth = read_truth(self.book.frames)
        truth.go_on()
        for pitch in range(59, 63):  # a guest has to join again
            self.heard.append((self.live.now, NoteOff(truth.reached, GUEST, pitch)))
        notes = (note for note in self.player.sounded() if note.onset < truth.reached)
        self.past.notes += (note if note.end <= truth.reached else _until(note, truth.reached) for note in notes)
        self.past.players.append(self.player)
        session = Journaled(truth.start, capacity=self.capacity, write=self.book.write, about=ABOUT, truth=truth)
        self.sit(session, Tick(self.live.now + gap))

    # ---- the laws ------------------------------------------------------------------------------------

    def teardown(self) -> None:
        if not hasattr(self, "live"):
            return
        self.close("stop", 2 * self.session._settings.longest_key)
        assert self.session.next_wake(self.live.now) is None, "after a stop nothing is left to do"
        self.session.end()
        self.player.cut()
        self.every_on_has_one_off()
        self.every_note_told_was_kept_or_taken_back()
        self.every_note_was_reviewed()
        self.a_replay_equals_the_set()
        self.the_transcript_is_a_fresh_prefill()

    def every_on_has_one_off(self) -> None:
        players = [*self.past.players, self.player]
        sent = [message for player in players for message in player.sent]
        ons = Counter(message.id for message in sent if message.is_on)
        assert ons == Counter(message.id for message in sent if not message.is_on)
        assert all(count == 1 for count in ons.values()), "a note sounded twice"
        assert ons.keys() <= set.union(*(player.committed for player in players)), "what was not promised sounded"
        ids = [id for player in players for id in player.told]
        assert len(ids) == len(set(ids)), "an id was used twice"
        goes_on = [player.plans[0] for player in players[1:] if player.plans]
        assert all(plan.silence for plan in goes_on), "after a crash what was planned is void"

    def every_note_told_was_kept_or_taken_back(self) -> None:
        """That none was promised and taken back is seen by the listener, plan by plan."""
        assert self.player.committed | self.player.cancelled == self.player.told.keys()

    def every_note_was_reviewed(self) -> None:
        reviews = [plan.reviewed_seq for plan in self.player.plans if plan.reviewed_seq is not None]
        assert reviews == sorted(set(reviews)), "once each"
        assert max(reviews, default=0) >= self.player.newest_note

    def a_replay_equals_the_set(self) -> None:
        replay = replayed(self.book)
        assert replay.written == self.book.told
        assert replay.session.recorded()() == self.session.recorded()()
        assert replay.truth.is_over

    def the_transcript_is_a_fresh_prefill(self) -> None:
        settings, transcript = self.session._settings, scribe_of(self.session).transcript
        prompt = [line.note for line in prompt_lines(self.start, settings)]
        human = human_notes(self.heard, settings.longest_key, settings.chord)
        machine = [note for note in [*self.past.notes, *self.player.sounded()] if note.onset >= settings.count_in]
        known = [note for note in prompt + human + machine if step_of(note.onset) >= transcript.first_step]
        told = transcript.tokens
        assert tuple(self.live.engine.tokens[: len(told)]) == told, "the engine has heard all of it"
        fresh = fresh_encoding(settings.header, known, transcript.first_step)
        assert without_last_bars(told) == without_last_bars(fresh)


def _until(note: Note, end: Tick) -> Note:
    return Note(note.onset, note.part, note.pitch, note.velocity, end - note.onset)


class AnyClock(RuleBasedStateMachine):
    """What the server takes for the player's tick, whatever it hears, and when."""

    @initialize(bpm=BPMS)
    def begin(self, bpm: float) -> None:
        self.bpm, self.now, self.newest = bpm, 0, Tick(0)
        self.player, self.server = PlayerClock(bpm), RemoteClock(bpm)

    @rule(ms=st.sampled_from([0, 1, 20, 250, 3000, 11_000]), nanos=st.integers(0, 999_999))
    def wait(self, ms: int, nanos: int) -> None:
        before = self.player.tick_at(Nanos(self.now))
        self.now += ms * MS + nanos
        after = self.player.tick_at(Nanos(self.now))
        assert before is None or (after is not None and after >= before)

    @rule(late_ms=st.integers(0, 400))
    def tell(self, late_ms: int) -> None:
        """A tick of the player's, which has travelled for so long; the first one of all starts the player's clock."""
        tick = self.player.play(Nanos(max(0, self.now - late_ms * MS)))
        self.server.heard(tick, Nanos(self.now))

    @rule(bpm=BPMS)
    def change_tempo(self, bpm: float) -> None:
        self.player.turn_to(bpm, Nanos(self.now))
        self.server.turn_to(bpm, self.player.tick_at(Nanos(self.now)) or Tick(0), Nanos(self.now))

    @rule()
    def stand(self) -> None:
        """As a DAW that is stopped; whatever is told next sets it going."""
        self.server.stand(self.player.tick_at(Nanos(self.now)) or Tick(0))

    @rule(tick=st.integers(0, 10**5))
    def tell_nonsense(self, tick: int) -> None:
        self.server.heard(Tick(tick), Nanos(self.now))

    @rule()
    def begin_anew(self) -> None:
        self.player.reset()

    @rule()
    def kill_server(self) -> None:
        """Another one goes on from where its journal ends."""
        self.server = RemoteClock(self.bpm, self.newest)

    @invariant()
    def ticks_never_go_back(self) -> None:
        if hasattr(self, "server") and (tick := self.server.tick_at(Nanos(self.now))) is not None:
            assert tick >= self.newest
            self.newest = tick


TestAnySet = AnySet.TestCase
TestAnySet.settings = laws(0.25, steps=10)
TestAnyClock = AnyClock.TestCase
TestAnyClock.settings = laws(0.4, steps=12)
