"""One live session: events and `now` in; work for the engine and changes of the plan out.

A pure state machine. Knows no clock, no socket and no network: whoever owns it runs the steps that `poll` asks
for, and sleeps until `next_wake`.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from model.engine.work import Drawn, Step
from music.errors import BadSetting
from music.events import NoteOff, NoteOn
from music.score import Note, Score
from music.time import Tick
from streaming.clicks import count_in
from streaming.keys import Keys, Released
from streaming.machine import Machine
from streaming.messages import Control, Pedal, Plan, PlayerPart, Start, Tokens, Transport
from streaming.owed import Owed
from streaming.performer import Performer
from streaming.pianist import Pianist, check_control, for_pianist
from streaming.recording import Recording
from streaming.scribe import Line
from streaming.settings import Settings
from streaming.truth import Happening, Truth, prompt_lines
from streaming.turns import Turn, after_note, as_held, closing, due_at, given

SPARE_TOKENS = 64  # of the engine's capacity, never used
LEAST_CAPACITY = 256
KEPT = 0.4  # of the capacity, at most, that a session begins with when it goes on


class Session:
    """Engine thread; never blocks. `capacity`: tokens that an engine sequence holds.

    `truth`: what is known of an earlier life of this session, in which it goes on. `is_solo`: the network speaks
    performance tokens, and plays the piano alone.
    """

    def __init__(self, settings: Start, *, capacity: int, truth: Truth | None = None, is_solo: bool = False) -> None:
        if capacity < LEAST_CAPACITY:
            raise BadSetting(f"expected a context of at least {LEAST_CAPACITY} tokens, got {capacity}")
        self._is_solo = is_solo
        self._machine = self._performer(truth.settings if truth else Settings.of(settings), capacity - SPARE_TOKENS)
        self._keys = Keys(self._settings.longest_key, self._settings.chord)
        self._recording = Recording()
        self._given: Turn | None = None  # the newest turn that came by itself
        self._closing: Turn | None = None  # the newest turn that comes to an end
        self._owed = Owed()
        self._has_begun = False
        self._goes_on = False
        if truth:
            self._go_on(truth, round(KEPT * capacity))
        else:
            for line in prompt_lines(settings, self._settings):
                self._machine.remember(line)

    def _performer(self, settings: Settings, limit: int) -> Performer:
        return Pianist(for_pianist(settings), limit) if self._is_solo else Machine(settings, limit)

    @property
    def urgent(self) -> bool:
        """A human has just played, or waits for an answer: this sequence goes first."""
        return self._machine.is_urgent

    def is_pressed(self, now: Tick) -> bool:
        """The machine's next notes are undecided: this sequence goes before those that have time."""
        return self._machine.is_pressed(now)

    @property
    def late(self) -> int:
        """Notes that came too late and were never played."""
        return self._machine.pace.late

    @property
    def rested(self) -> int:
        """Times that the machine rested because the engine could not keep up."""
        return self._machine.pace.rested

    @property
    def in_time_share(self) -> float:
        """Of the sixteenths of the machine's turns, those that it had decided before they came."""
        return self._machine.foresight.in_time_share

    def sounding(self, now: Tick) -> tuple[int, ...]:
        """Ids of the notes that sound at `now`, by the plan."""
        return self._machine.plan.sounding(now)

    def recorded(self) -> Callable[[], Score]:
        """Everything that has sounded to its end, humans and machine on parts of their own.

        What is returned makes the score, in any thread: for a long set that takes its time.
        """
        return partial(self._recording.copy().score, self._settings.header, self._settings.human)

    @property
    def _settings(self) -> Settings:
        return self._machine.settings

    # ---- events in -----------------------------------------------------------------------------------

    def check(self, control: Control) -> None:
        """Raises BadSetting for a control that makes no sense now."""
        if self._is_solo:
            check_control(control)
        self._changed(control)

    def _changed(self, control: Control) -> Settings:
        settings = self._settings.changed(control)
        return for_pianist(settings) if self._is_solo else settings

    def join(self, player: PlayerPart) -> None:
        """One more human plays. Raises BadSetting where somebody plays that part already."""
        settings = self._settings.joined(player)
        self._follow(for_pianist(settings) if self._is_solo else settings)

    def hear_round_trip(self, ticks: int) -> None:
        """How long a message to the player and back takes."""
        self._machine.hear_round_trip(ticks)

    def receive(self, event: Happening, now: Tick, seq: int | None = None) -> None:
        """Something happened at the player's side. Notes of parts that no human plays are ignored."""
        self._machine.pass_to(now)
        self._owed.hear(seq)
        match event:
            case NoteOn() if event.part not in self._settings.human:
                pass
            case NoteOn() | NoteOff() | Pedal():
                ended, begun = self._keys.hear(event, self._settings.near(Tick(event.tick), now), now)
                for released in ended:
                    self._release(released)
                if begun:
                    self._owed.review_note()
                    self._press(begun)
            case Control():
                self._owed.answer_wish()
                self._follow(self._changed(event))
                if event.freeze is not None:
                    self._machine.freeze(now) if event.freeze else self._machine.thaw()
            case Transport():
                self._owed.answer_wish()
                self._machine.thaw()
                self._stop(now) if event.action == "stop" else self._close(now)

    def _press(self, line: Line) -> None:
        since = Tick(0) if self._settings.mode == "answer" else line.onset
        self._machine.hear(line, since)
        self._machine.turn = self._turn_after(line.onset)

    def _turn_after(self, tick: Tick) -> Turn | None:
        closing, turn = self._closing, self._machine.turn
        if closing and tick < closing.end and self._settings.mode != "answer":
            return closing if tick < closing.stops else None
        self._closing = None
        if self._settings.mode == "trade" and (turn is None or tick < turn.begin):
            self._given = None  # it is given again, and written anew
            return None
        return after_note(turn, tick, self._settings, is_silent=self._machine.plan.is_over)

    def _release(self, released: Released) -> None:
        line, duration = released
        self._machine.release(line, duration)
        self._recording.add(Note(line.onset, line.part, line.pitch, line.velocity, duration))

    def _follow(self, settings: Settings) -> None:
        """New settings: what is not promised is written anew."""
        before = self._settings
        if settings == before:
            return
        self._machine.follow(settings)
        if settings.mode != before.mode:
            self._given = None
            self._rest()

    def _stop(self, now: Tick) -> None:
        self._machine.silence(now)
        self._rest()
        self._pass_over(now)

    def _close(self, now: Tick) -> None:
        """Come to an end: nothing to do where the machine rests already."""
        self._pass_over(now)
        last = self._keys.last_down
        is_quiet = self._settings.mode == "answer" or last is None or last + self._settings.idle < now
        if self._machine.turn is None and self._machine.plan.is_over and is_quiet:
            return
        self._machine.rethink()
        self._keys.phrase_start = None
        self._machine.turn = self._closing = closing(now, self._settings)

    def _rest(self) -> None:
        """Until the next human note, or the mode's next turn."""
        self._closing = None
        self._keys.phrase_start = None
        self._machine.end_turn()

    def _pass_over(self, now: Tick) -> None:
        """The turn that the mode would give next does not come: what was stopped stays so until a human plays."""
        if due_at(self._keys, self._settings, self._given) is not None:
            self._given = given(self._keys, now, self._settings)

    def _go_on(self, truth: Truth, tokens: int) -> None:
        """After a sudden end: what sounded then was cut, nothing is planned, and the engine knows nothing."""
        self._goes_on = True
        self._keys, self._owed = truth.keys, Owed(truth.heard_seq)
        for note in truth.notes():
            self._recording.add(note)
        for line in truth.last_lines(tokens):
            self._machine.remember(line)
        self._machine.plan.begin_anew(truth.lives)
        settings, last = self._settings, self._keys.last_down
        if not truth.rests and last is not None and settings.mode in ("duet", "accompany"):
            self._machine.turn = after_note(None, last, settings, is_silent=True)
        elif truth.rests:
            self._pass_over(truth.reached)

    # ---- work for the engine -------------------------------------------------------------------------

    def poll(self, now: Tick) -> Step | None:
        """What the engine should do next for this sequence; None: nothing now."""
        self._machine.pass_to(now)
        if self._begin(now):
            return None  # it is told at once, however long the engine takes
        for released in self._keys.release_stuck(now):
            self._release(released)
        due = due_at(self._keys, self._settings, self._given)
        if due is not None and due <= now:
            self._given = given(self._keys, now, self._settings)
            self._machine.begin(self._given)
            self._keys.phrase_start = None
        if self._machine.turn is not None:  # an accompanist's ends some time after the last key
            self._machine.hold_to(as_held(self._machine.turn, self._keys, self._settings))
        return self._machine.poll(now)

    def accept(self, drawn: Drawn, now: Tick) -> None:
        """The result of the last polled step."""
        self._machine.pass_to(now)
        self._machine.accept(drawn, now)

    @property
    def wants_relief(self) -> bool:
        """The context fills: a second sequence should take over."""
        return self._machine.wants_relief

    def relieve(self, now: Tick) -> Step | None:
        """For the second sequence, where `poll` has nothing to do: the next context, a few tokens at a time."""
        return self._machine.relieve(now)

    def accept_relief(self, now: Tick) -> bool:
        """That step has run. True: the second sequence is the first from now on, and the other one is free."""
        return self._machine.accept_relief(now)

    def _begin(self, now: Tick) -> bool:
        """Once: whether it counts in. One that goes on comes back within a beat."""
        if self._has_begun:
            return False
        self._has_begun = True
        if self._goes_on:
            if turn := self._machine.turn:
                soon = Tick(now + self._machine.pace.lead + self._settings.beat)
                self._machine.begin(replace(turn, opens_by=soon))
            return False
        clicks = count_in(self._settings, Tick(now + self._machine.pace.lead))
        for click in clicks:
            self._machine.plan.promise(click)
        return bool(clicks)

    # ---- changes of the plan -------------------------------------------------------------------------

    def take_plan(self, now: Tick) -> Plan | None:
        """What has changed since the last call. A note whose moment passed before it could be promised is dropped."""
        self._machine.pass_to(now)
        self._machine.advance(now)
        for note in self._machine.plan.take_over():
            if note.onset >= self._settings.count_in:
                self._recording.add(note)
        plan = self._machine.plan.take(self._owed.heard_seq)
        return self._owed.told(plan, is_decided=self._machine.is_decided(now))

    def take_tokens(self) -> Tokens | None:
        """How the tokens that the network sees have changed since the last call."""
        return self._machine.take_tokens()

    def next_change(self, now: Tick) -> Tick | None:
        """The earliest tick at which `take_plan` has something to tell, if nothing happens before."""
        if self._owed.is_due(is_decided=self._machine.is_decided(now)):
            return now
        return self._machine.plan.next_change(now)

    def next_wake(self, now: Tick) -> Tick | None:
        """The earliest tick at which `poll` or `take_plan` has something to do, if no event comes."""
        wakes = [
            None if self._has_begun else now,
            self.next_change(now),
            self._keys.next_overdue(),
            due_at(self._keys, self._settings, self._given),
            self._machine.next_step(now),
        ]
        ticks = [Tick(max(now, wake)) for wake in wakes if wake is not None]
        return min(ticks, default=None)
