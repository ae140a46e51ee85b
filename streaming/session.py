"""One player's live session: events and `now` in; work for the engine and changes of the plan out.

A pure state machine. Knows no clock, no socket and no network: whoever owns it runs the steps that `poll` asks
for, and sleeps until `next_wake`.
"""

from dataclasses import replace

from model.engine.work import Draw, Step
from model.tokens.codec import duration_token
from model.tokens.grammar import Limits, Ranges, allowed, finished_note
from model.tokens.vocabulary import DURATION, DURATION_STEPS, TICKS_PER_STEP
from music.errors import BadSetting
from music.events import NoteOff, NoteOn
from music.score import Note
from music.time import TICKS_PER_QUARTER, Tick
from streaming.keys import Keys
from streaming.messages import Control, Plan, Start, Transport
from streaming.plan import LivePlan
from streaming.scribe import Line, Scribe
from streaming.settings import Settings
from streaming.turns import Turn, after_note, answer, answer_due

SPARE_TOKENS = 64  # of the engine's capacity, never used
LEAST_CAPACITY = 256
LONGEST_LEAD = TICKS_PER_QUARTER


class Session:
    """Engine thread; never blocks. `capacity`: tokens that an engine sequence holds."""

    def __init__(self, settings: Start, *, capacity: int) -> None:
        if capacity < LEAST_CAPACITY:
            raise BadSetting(f"expected a context of at least {LEAST_CAPACITY} tokens, got {capacity}")
        self._settings = Settings.of(settings)
        self._keys = Keys(self._settings.longest_key)
        self._plan = LivePlan(self._settings.commit)
        self._scribe = Scribe(self._settings.header, capacity - SPARE_TOKENS)
        self._turn: Turn | None = None
        self._asked: Line | Turn | None = None  # whose token the engine is drawing
        self._lead = self._settings.lead  # grows when notes come late
        self._heard_seq: int | None = None
        self._is_urgent = False
        self._late = 0

    @property
    def urgent(self) -> bool:
        """A human has just played, or waits for an answer: this sequence goes first."""
        return self._is_urgent

    @property
    def late(self) -> int:
        """Notes that came too late and were never played."""
        return self._late

    def sounding(self, now: Tick) -> tuple[int, ...]:
        """Ids of the notes that sound at `now`, by the plan."""
        return self._plan.sounding(now)

    # ---- events in -----------------------------------------------------------------------------------

    def receive(self, event: NoteOn | NoteOff | Control | Transport, now: Tick, seq: int | None = None) -> None:
        """Something happened at the player's side. Notes of parts that no human plays are ignored."""
        if seq is not None:
            self._heard_seq = max(seq, self._heard_seq or 0)
        match event:
            case NoteOn() if event.part in self._settings.human:
                self._press(event, self._near(event.tick, now), now)
            case NoteOff():
                self._release(event.part, event.pitch, self._near(event.tick, now))
            case Control():
                self._change(event, now)
            case Transport():
                self._stop(now)

    def _press(self, event: NoteOn, tick: Tick, now: Tick) -> None:
        self._release(event.part, event.pitch, tick)
        since = tick if self._settings.mode == "duet" else Tick(0)
        self._scribe.remove(self._plan.cancel_tentative(since), now)
        self._scribe.add(self._keys.press(event, tick), now)
        self._turn = after_note(self._turn, tick, self._settings)
        self._asked = None
        self._is_urgent = True

    def _release(self, part: int, pitch: int, tick: Tick) -> None:
        if released := self._keys.release(part, pitch, tick):
            self._scribe.release(*released)

    def _change(self, control: Control, now: Tick) -> None:
        mode = self._settings.mode
        self._settings = self._settings.changed(control)
        if self._settings.mode != mode:
            self._scribe.remove(self._plan.cancel_tentative(Tick(0)), now)
            self._rest()

    def _stop(self, now: Tick) -> None:
        cancelled, cut = self._plan.silence(now)
        for note in cut:
            self._scribe.correct(note)
        self._scribe.remove(cancelled, now)
        self._rest()

    def _rest(self) -> None:
        """Until the next human note."""
        self._keys.phrase_start = None
        self._end_turn()

    def _near(self, tick: Tick, now: Tick) -> Tick:
        reach = self._settings.reach
        return Tick(max(0, min(max(tick, now - reach), now + reach)))

    # ---- work for the engine -------------------------------------------------------------------------

    def poll(self, now: Tick) -> Step | None:
        """What the engine should do next for this sequence; None: nothing now."""
        for stuck in self._keys.overdue(now):
            self._release(stuck.part, stuck.pitch, now)
        due = answer_due(self._keys, self._settings)
        if due is not None and due <= now:
            self._turn = answer(self._keys, now, self._settings)
            self._is_urgent = True
        if self._turn is None:
            self._scribe.settle(now)
        line = self._scribe.write(now, may_guess=self._may_guess)
        draw = self._choose(now) if line is None else self._guess(line, now)
        self._asked = self._turn if line is None else line
        self._is_urgent = self._is_urgent and draw is not None
        return self._scribe.transcript.offer(draw)

    def accept(self, token: int | None, now: Tick) -> None:
        """The result of the last polled step."""
        asked, self._asked = self._asked, None
        self._scribe.transcript.confirm()
        if token is None or asked is None:
            return
        if isinstance(asked, Turn):
            self._play(token, asked, now)
        elif asked.duration is None:  # otherwise the key came up meanwhile, and there is nothing to guess
            self._scribe.transcript.push(token)
            self._scribe.guess(asked, DURATION_STEPS[token - DURATION.start] * TICKS_PER_STEP)

    @property
    def _may_guess(self) -> bool:
        return self._settings.mode == "duet"

    def _guess(self, line: Line, now: Tick) -> Draw:
        """How long will this key stay down? Not less than it already is."""
        shortest = duration_token(now - line.onset)
        return Draw(allowed=((shortest, DURATION.stop),), sampling=self._settings.sampling)

    def _choose(self, now: Tick) -> Draw | None:
        """The machine's next token. Where there is no choice the network is not asked."""
        while self._turn and (ranges := self._playable(self._turn, now)):
            first, stop = ranges[0]
            if len(ranges) > 1 or stop - first > 1:
                return Draw(allowed=ranges, sampling=self._settings.sampling)
            self._play(first, self._turn, now)
        return None

    def _playable(self, turn: Turn, now: Tick) -> Ranges | None:
        """What may come next; None where the plan reaches far enough, or the turn is over."""
        settings, transcript = self._settings, self._scribe.transcript
        if not self._scribe.is_all_written:
            return None
        if not transcript.is_complete:
            return allowed(transcript.state, Limits(parts=settings.machine))
        earliest = -(-(now + self._lead) // TICKS_PER_STEP)
        written = transcript.state.step
        if max(earliest, written) * TICKS_PER_STEP >= turn.end:
            self._end_turn()
            return None
        if written * TICKS_PER_STEP >= now + settings.lookahead:
            return None
        self._scribe.seek(earliest, now)
        latest = None
        if not turn.is_opened:
            latest = max(earliest, turn.opens_by // TICKS_PER_STEP, transcript.state.step + 1)
        limits = Limits(parts=settings.machine, earliest=earliest, latest=latest, may_end=False)
        return allowed(transcript.state, limits)

    def _play(self, token: int, turn: Turn, now: Tick) -> None:
        """The network, or the lack of a choice, says `token`."""
        transcript = self._scribe.transcript
        note = finished_note(transcript.state, token)
        if note is None:
            transcript.push(token)
            if transcript.state.step * TICKS_PER_STEP >= turn.end:
                self._end_turn()
        elif note.onset < now:
            transcript.drop_unfinished()
            self._late += 1
            self._lead = min(2 * self._lead, LONGEST_LEAD)
        else:
            self._mean(replace(note, duration=min(note.duration, turn.end - note.onset)))
            turn.is_opened = True

    def _mean(self, note: Note) -> None:
        """Put a note into the plan; an older one on its key makes way where it can."""
        self._scribe.transcript.push(duration_token(note.duration))
        self._scribe.append(note)
        for older in self._plan.shorten(note.part, note.pitch, note.onset):
            self._scribe.correct(older)
        self._plan.add(note)
        self._is_urgent = False
        self._lead = max(self._settings.lead, self._lead - self._lead // 8)

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
            self._late += len(expired)
            self._asked = None
        return self._plan.take(self._heard_seq)

    def next_wake(self, now: Tick) -> Tick | None:
        """The earliest tick at which `poll` or `take_plan` has something to do, if no event comes."""
        wakes = [
            self._plan.next_change(now),
            self._keys.next_overdue(),
            answer_due(self._keys, self._settings),
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
        short_of_plan = transcript.state.step * TICKS_PER_STEP - self._settings.lookahead + 1
        return Tick(min(short_of_plan, self._turn.end - self._lead))
