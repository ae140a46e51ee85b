"""One live session: events and `now` in; work for the engine and changes of the plan out.

A pure state machine. Knows no clock, no socket and no network: whoever owns it runs the steps that `poll` asks
for, and sleeps until `next_wake`.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

from model.engine.work import Draw, Step
from model.tokens.codec import duration_token
from model.tokens.grammar import finished_note
from model.tokens.vocabulary import DURATION, DURATION_STEPS, TICKS_PER_STEP
from music.errors import BadSetting
from music.events import NoteOff, NoteOn
from music.score import Note, Score
from music.time import Tick
from streaming.choices import Scene, draw
from streaming.clicks import count_in
from streaming.keys import Keys
from streaming.messages import Control, Pedal, Plan, PlayerPart, PromptNote, Start, Transport
from streaming.pace import Pace, Rung
from streaming.plan import LivePlan
from streaming.recording import Recording
from streaming.relief import WANTED, Relief
from streaming.scribe import Line, Scribe
from streaming.settings import Settings
from streaming.turns import Turn, after_note, as_held, closing, due_at, given

SPARE_TOKENS = 64  # of the engine's capacity, never used
LEAST_CAPACITY = 256

Happening = NoteOn | NoteOff | Control | Transport | Pedal


class Session:
    """Engine thread; never blocks. `capacity`: tokens that an engine sequence holds."""

    def __init__(self, settings: Start, *, capacity: int) -> None:
        if capacity < LEAST_CAPACITY:
            raise BadSetting(f"expected a context of at least {LEAST_CAPACITY} tokens, got {capacity}")
        self._settings = Settings.of(settings)
        self._keys = Keys(self._settings.longest_key, self._settings.chord)
        self._pace = Pace(lead=self._settings.lead, commit=self._settings.commit, lookahead=self._settings.lookahead)
        self._plan = LivePlan(self._settings.commit)
        self._scribe = Scribe(self._settings.header, capacity - SPARE_TOKENS)
        self._recording = Recording()
        self._turn: Turn | None = None
        self._given: Turn | None = None  # the newest turn that came by itself
        self._asked: Line | Turn | None = None  # whose token the engine is drawing
        self._closing: Turn | None = None  # the newest turn that comes to an end
        self._rests_until = self._settings.count_in
        self._relief: Relief | None = None  # the next context, while it is being prepared
        self._relief_from = Tick(0)  # the bar line after which it was begun
        self._heard_seq: int | None = None
        self._owes_word = False  # a control or transport is to be answered, even if it changes nothing
        self._is_urgent = False
        self._has_begun = False
        self._remember(settings.prompt)

    @property
    def urgent(self) -> bool:
        """A human has just played, or waits for an answer: this sequence goes first."""
        return self._is_urgent

    @property
    def late(self) -> int:
        """Notes that came too late and were never played."""
        return self._pace.late

    @property
    def rested(self) -> int:
        """Times that the machine rested because the engine could not keep up."""
        return self._pace.rested

    def sounding(self, now: Tick) -> tuple[int, ...]:
        """Ids of the notes that sound at `now`, by the plan."""
        return self._plan.sounding(now)

    def recorded(self) -> Callable[[], Score]:
        """Everything that has sounded to its end, humans and machine on parts of their own.

        What is returned makes the score, in any thread: for a long set that takes its time.
        """
        return partial(self._recording.copy().score, self._settings.header, self._settings.human)

    # ---- events in -----------------------------------------------------------------------------------

    def check(self, control: Control) -> None:
        """Raises BadSetting for a control that makes no sense now."""
        self._settings.changed(control)

    def join(self, player: PlayerPart, now: Tick) -> None:
        """One more human plays. Raises BadSetting where somebody plays that part already."""
        self._follow(self._settings.joined(player), now)

    def hear_round_trip(self, ticks: int) -> None:
        """How long a message to the player and back takes."""
        self._pace.hear_round_trip(ticks)
        self._plan.commit = self._pace.commit

    def receive(self, event: Happening, now: Tick, seq: int | None = None) -> None:
        """Something happened at the player's side. Notes of parts that no human plays are ignored."""
        if seq is not None:
            self._heard_seq = max(seq, self._heard_seq or 0)
        match event:
            case NoteOn() if event.part in self._settings.human:
                self._press(event, self._near(event.tick, now), now)
            case NoteOff():
                self._release(self._keys.lift(event.part, event.pitch, self._near(event.tick, now)))
            case Pedal():
                for released in self._keys.pedal(event.part, event.down, self._near(Tick(event.tick), now)):
                    self._release(released)
            case Control():
                self._owes_word = True
                self._follow(self._settings.changed(event), now)
            case Transport(action="stop"):
                self._owes_word = True
                self._stop(now)
            case Transport():
                self._owes_word = True
                self._close(now)

    def _press(self, event: NoteOn, tick: Tick, now: Tick) -> None:
        self._release(self._keys.release(event.part, event.pitch, tick))
        since = Tick(0) if self._settings.mode == "answer" else tick
        self._scribe.remove(self._plan.cancel_tentative(since), now)
        self._scribe.add(self._keys.press(event, tick), now)
        self._turn = self._turn_after(tick)
        self._asked = None
        self._is_urgent = True

    def _turn_after(self, tick: Tick) -> Turn | None:
        closing = self._closing
        if closing and tick < closing.end and self._settings.mode != "answer":
            return closing if tick < closing.stops else None
        self._closing = None
        if self._settings.mode == "trade" and (self._turn is None or tick < self._turn.begin):
            self._given = None  # it is given again, and written anew
            return None
        return after_note(self._turn, tick, self._settings)

    def _release(self, released: tuple[Line, int] | None) -> None:
        if released:
            line, duration = released
            self._scribe.release(line, duration)
            self._recording.add(Note(line.onset, line.part, line.pitch, line.velocity, duration))

    def _follow(self, settings: Settings, now: Tick) -> None:
        """New settings: what is not promised is written anew."""
        before, self._settings = self._settings, settings
        if settings == before:
            return
        self._scribe.remove(self._plan.cancel_tentative(Tick(0)), now)
        self._scribe.transcript.drop_unfinished()
        self._asked = None
        if settings.header != before.header:
            self._scribe.rehead(settings.header)
            self._relief = None
        if settings.mode != before.mode:
            self._given = None
            self._rest()

    def _stop(self, now: Tick) -> None:
        cancelled, cut = self._plan.silence(now)
        for note in cut:
            self._scribe.correct(note)
        self._scribe.remove(cancelled, now)
        self._rest()

    def _close(self, now: Tick) -> None:
        """Come to an end: nothing to do where the machine rests already."""
        last = self._keys.last_down
        is_quiet = self._settings.mode == "answer" or last is None or last + self._settings.idle < now
        if self._turn is None and self._plan.is_over and is_quiet:
            return
        self._scribe.remove(self._plan.cancel_tentative(Tick(0)), now)
        self._scribe.transcript.drop_unfinished()
        self._asked = None
        self._keys.phrase_start = None
        self._turn = self._closing = closing(now, self._settings)

    def _rest(self) -> None:
        """Until the next human note, or the mode's next turn."""
        self._closing = None
        self._keys.phrase_start = None
        self._end_turn()

    def _near(self, tick: Tick, now: Tick) -> Tick:
        reach = self._settings.reach
        return Tick(max(0, min(max(tick, now - reach), now + reach)))

    def _remember(self, prompt: Iterable[PromptNote]) -> None:
        """Music from before tick 0: as many whole bars as hold it."""
        notes = list(prompt)
        bars = max((note.tick // self._settings.bar + 1 for note in notes), default=0)
        for note in sorted(notes, key=lambda note: note.tick):
            if note.part not in self._settings.header.programs:
                raise BadSetting(f"expected a prompt of parts that somebody plays, got part {note.part}")
            onset = Tick(note.tick - bars * self._settings.bar)
            self._scribe.add(Line(onset, note.part, note.pitch, note.velocity, note.duration), Tick(0))

    # ---- work for the engine -------------------------------------------------------------------------

    def poll(self, now: Tick) -> Step | None:
        """What the engine should do next for this sequence; None: nothing now."""
        self._begin(now)
        for stuck in self._keys.overdue(now):
            self._release(self._keys.release(stuck.part, stuck.pitch, now))
        due = due_at(self._keys, self._settings, self._given)
        if due is not None and due <= now:
            self._turn = self._given = given(self._keys, now, self._settings)
            self._keys.phrase_start = None
            self._is_urgent = True
        if self._turn is None:
            self._scribe.settle(now)
        else:
            self._hold_on(self._turn, now)
        line = self._scribe.write(now, may_guess=self._may_guess)
        drawn = self._choose(now) if line is None else self._guess(line, now)
        self._asked = (line or self._turn) if drawn else None
        self._is_urgent = self._is_urgent and drawn is not None
        return self._scribe.transcript.offer(drawn)

    def accept(self, token: int | None, now: Tick) -> None:
        """The result of the last polled step."""
        asked, self._asked = self._asked, None
        self._scribe.transcript.confirm()
        if token is None or asked is None:
            return
        if isinstance(asked, Turn):
            if self._turn is not None:
                self._play(token, self._turn, now)
        elif asked.duration is None:  # otherwise the key came up meanwhile, and there is nothing to guess
            self._scribe.transcript.push(token)
            self._scribe.guess(asked, DURATION_STEPS[token - DURATION.start] * TICKS_PER_STEP)

    def _hold_on(self, turn: Turn, now: Tick) -> None:
        """An accompanist's turn ends some time after the last key: what was written beyond it goes."""
        self._turn = as_held(turn, self._keys, self._settings)
        if self._turn.end < turn.end:
            self._scribe.remove(self._plan.cancel_tentative(self._turn.end), now)

    # ---- the next context ----------------------------------------------------------------------------

    @property
    def wants_relief(self) -> bool:
        """The context fills: a second sequence should take over."""
        return self._relief is not None or self._scribe.filled >= WANTED

    def relieve(self, now: Tick) -> Step | None:
        """For the second sequence, where `poll` has nothing to do: the next context, a few tokens at a time."""
        if not self.wants_relief or not self._is_between_notes:
            return None
        if self._relief is None:
            self._relief = Relief(self._settings.header, self._scribe.written, self._scribe.limit)
            self._relief_from = Tick(now // self._settings.bar * self._settings.bar)
        return self._relief.step(self._scribe.written, self._scribe.transcript.state.step)

    def accept_relief(self, now: Tick) -> bool:
        """That step has run. True: the second sequence is the first from now on, and the other one is free.

        It takes over at a bar line, or as soon after as it can.
        """
        if self._relief is None:  # the context was begun anew meanwhile
            return False
        self._relief.transcript.confirm()
        has_passed_bar = now >= self._relief_from + self._settings.bar
        if not (has_passed_bar and self._is_between_notes and self._relief.has_caught_up(self._scribe.written)):
            return False
        self._scribe.adopt(self._relief.transcript)
        self._relief = None
        return True

    @property
    def _is_between_notes(self) -> bool:
        return bool(self._scribe.written) and self._asked is None and self._scribe.transcript.is_complete

    @property
    def _may_guess(self) -> bool:
        return self._settings.mode != "answer" and self._turn is not None

    def _begin(self, now: Tick) -> None:
        """Count in, once."""
        if not self._has_begun:
            self._has_begun = True
            for click in count_in(self._settings, Tick(now + self._pace.lead)):
                self._plan.promise(click)

    def _guess(self, line: Line, now: Tick) -> Draw:
        """How long will this key stay down? Not less than it already is."""
        shortest = duration_token(now - line.onset)
        return Draw(allowed=((shortest, DURATION.stop),), sampling=self._settings.sampling)

    def _choose(self, now: Tick) -> Draw | None:
        """The machine's next token. Where there is no choice the network is not asked."""
        while self._turn and (drawn := self._next_draw(self._turn, now)):
            first, stop = drawn.allowed[0]
            if len(drawn.allowed) > 1 or stop - first > 1:
                return drawn
            self._play(first, self._turn, now)
        return None

    def _next_draw(self, turn: Turn, now: Tick) -> Draw | None:
        """What may come next; None where the plan reaches far enough, or the turn is over."""
        transcript = self._scribe.transcript
        if not self._scribe.is_all_written:
            return None
        earliest = -(-self._from(turn, now) // TICKS_PER_STEP)
        if transcript.is_complete:
            written = transcript.state.step
            if max(earliest, written) * TICKS_PER_STEP >= turn.stops:
                self._end_turn()
                return None
            if max(written * TICKS_PER_STEP, turn.begin) >= now + self._pace.lookahead:
                return None
            self._scribe.seek(earliest, now)
        return draw(
            Scene(
                state=transcript.state,
                settings=self._settings,
                turn=turn,
                lines=self._scribe.lines,
                now=now,
                earliest=earliest,
                is_thin=self._pace.rung is Rung.THIN,
            )
        )

    def _from(self, turn: Turn, now: Tick) -> int:
        """The earliest tick of a new note."""
        return max(now + self._pace.lead, turn.begin, self._rests_until)

    def _play(self, token: int, turn: Turn, now: Tick) -> None:
        """The network, or the lack of a choice, says `token`."""
        transcript = self._scribe.transcript
        note = finished_note(transcript.state, token)
        if note is None:
            transcript.push(token)
            if transcript.state.step * TICKS_PER_STEP >= turn.stops:
                self._end_turn()
        elif note.onset < now:
            transcript.drop_unfinished()
            if self._pace.missed():
                self._rests_until = self._next_bar(Tick(now + self._pace.lead))
        else:
            self._mean(replace(note, duration=min(note.duration, turn.end - note.onset)), now)
            self._turn = replace(turn, opens_by=None)

    def _mean(self, note: Note, now: Tick) -> None:
        """Put a note into the plan; an older one on its key makes way where it can."""
        self._scribe.transcript.push(duration_token(note.duration))
        self._scribe.append(note)
        for older in self._plan.shorten(note.part, note.pitch, note.onset):
            self._scribe.correct(older)
        self._plan.add(note)
        self._is_urgent = False
        self._pace.made(note.onset - now)

    def _next_bar(self, tick: Tick) -> int:
        return -(-tick // self._settings.bar) * self._settings.bar

    def _end_turn(self) -> None:
        self._turn = None
        self._asked = None
        self._is_urgent = False
        self._scribe.transcript.drop_unfinished()

    # ---- changes of the plan -------------------------------------------------------------------------

    def take_plan(self, now: Tick) -> Plan | None:
        """What has changed since the last call. A note whose moment passed before it could be promised is dropped."""
        if expired := self._plan.advance(now):
            self._scribe.remove(expired, now)
            self._pace.late += len(expired)
            self._asked = None
        for note in self._plan.take_over():
            if note.onset >= self._settings.count_in:
                self._recording.add(note)
        plan = self._plan.take(self._heard_seq)
        if plan is None and self._owes_word:
            plan = Plan(answers_seq=self._heard_seq)
        self._owes_word = False
        return plan

    def next_wake(self, now: Tick) -> Tick | None:
        """The earliest tick at which `poll` or `take_plan` has something to do, if no event comes."""
        wakes = [
            now if self._owes_word or not self._has_begun else None,
            self._plan.next_change(now),
            self._keys.next_overdue(),
            due_at(self._keys, self._settings, self._given),
            self._next_step(now),
        ]
        ticks = [Tick(max(now, wake)) for wake in wakes if wake is not None]
        return min(ticks, default=None)

    def _next_step(self, now: Tick) -> Tick | None:
        """When `poll` next has work for the engine, keys and answers aside."""
        transcript = self._scribe.transcript
        if self._scribe.is_behind(may_guess=self._may_guess, is_at_rest=self._turn is None):
            return now
        if self._turn is None or not self._scribe.is_all_written:
            return None
        if not transcript.is_complete:
            return now
        planned_to = max(transcript.state.step * TICKS_PER_STEP, self._turn.begin)
        return Tick(min(planned_to - self._pace.lookahead + 1, self._turn.stops - self._pace.lead))
