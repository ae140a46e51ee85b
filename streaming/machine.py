"""The performer that plays with others: what the network is asked next, and what becomes of its tokens."""

from dataclasses import replace

from model.engine.work import Draw, Drawn, Step
from model.tokens.codec import duration_token
from model.tokens.grammar import finished_note
from model.tokens.vocabulary import DURATION, DURATION_STEPS, PART, TICKS_PER_STEP
from music.score import Note
from music.time import Tick
from streaming.choices import TOGETHER, Scene, draw
from streaming.handover import Handover
from streaming.loop import Loop
from streaming.messages import Tokens
from streaming.pace import Rung
from streaming.performer import Performer
from streaming.relief import CHUNK
from streaming.room import Room
from streaming.scribe import Line, Scribe
from streaming.settings import Settings
from streaming.turns import FOREVER, Turn


class Machine(Performer):
    """Never blocks; use from one thread. `limit`: tokens that its context may have."""

    def __init__(self, settings: Settings, limit: int) -> None:
        super().__init__(settings)
        self.scribe = Scribe(settings.header, limit)
        self._room = Room()
        self._asked: Line | Turn | None = None  # whose token the engine is drawing
        self._rests_until = settings.count_in
        self._loop: Loop | None = None  # while it is frozen
        self._looped_to = Tick(0)
        self._handover = Handover()

    @property
    def _decided_to(self) -> int:
        """No note will come before this tick but those that are planned."""
        if self.turn is None or self._loop is not None:
            return FOREVER
        transcript = self.scribe.transcript
        return max(transcript.state.step + transcript.is_complete, self._room.left_to) * TICKS_PER_STEP

    # ---- what the session says -----------------------------------------------------------------------

    def remember(self, line: Line) -> None:
        """A note from before all that is played."""
        self.scribe.add(line)

    def hear(self, line: Line, since: Tick) -> None:
        """A human note: what is not promised from `since` on is written anew."""
        self._drop(since)
        self.scribe.add(line)
        self._room.hear(line.onset)
        self._asked = self._written_turn = None
        self.is_urgent = True

    def release(self, line: Line, duration: int) -> None:
        """The key came up."""
        self.scribe.release(line, duration)

    def hold_to(self, turn: Turn) -> None:
        """The turn may end earlier than it was to: what was written beyond that goes."""
        before, self.turn = self.turn, turn
        if before is not None and turn.end < before.end:
            self._drop(turn.end)
            self.scribe.transcript.drop_unfinished()  # it may lie beyond the new end

    def _drop(self, since: Tick) -> None:
        """What is not promised from `since` on goes. What is frozen stays."""
        if self._loop is None:
            self.scribe.remove(self.plan.cancel_tentative(since))

    def follow(self, settings: Settings) -> None:
        """New settings. What is frozen stays as it is."""
        before, self.settings = self.settings, settings
        if self._loop is None:
            self.rethink()
        if settings.header != before.header:
            self.scribe.rehead(settings.header)
            self._handover.give_up()

    def rethink(self) -> None:
        """All that is not promised is written anew."""
        self.scribe.remove(self.plan.cancel_tentative(Tick(0)))
        self.scribe.transcript.drop_unfinished()
        self._room.take_back()
        self._asked = None
        self.turn = self.turn or self._written_turn

    def freeze(self, now: Tick) -> None:
        """From the last promised note on, the bar that ends with it is repeated."""
        if self._loop is None:
            self.advance(now)
            self.rethink()
            start = self._looped_to = Tick(now + self.plan.commit + 1)
            own = (line.note for line in self.scribe.lines if self.settings.machine >> line.part & 1)
            self._loop = Loop.before(start, self.settings.bar, own)

    def thaw(self) -> None:
        """No longer frozen."""
        if self._loop is not None:
            self._loop = None
            self.rethink()

    def _repeat(self, now: Tick) -> None:
        """The plan of one who is frozen reaches a beat beyond what is promised."""
        if self._loop is not None:
            for note in self._loop.between(self._looped_to, self._repeats_to(now)):
                self.plan.add(note)
                self.scribe.add(Line.of(note))
            self._looped_to = max(self._looped_to, self._repeats_to(now))

    def _repeats_to(self, now: Tick) -> Tick:
        return Tick(now + self.plan.commit + self.settings.beat)

    def silence(self, now: Tick) -> None:
        """End all that sounds, and take back all that was promised."""
        cancelled, cut = self.plan.silence(now)
        for note in cut:
            self.scribe.correct(note)
        self.scribe.remove(cancelled)

    def end_turn(self) -> None:
        self.turn = self._written_turn = None
        self._asked = None
        self.is_urgent = False
        self.scribe.transcript.drop_unfinished()

    def _finish_turn(self, turn: Turn) -> None:
        """All of it is written, and what was decided may still be to come."""
        self.end_turn()
        self._written_turn = turn

    # ---- work for the engine -------------------------------------------------------------------------

    def poll(self, now: Tick) -> Step | None:
        """What the engine should do next for this sequence; None: nothing now."""
        self._repeat(now)
        line = self.scribe.write(now, may_guess=self._may_guess)
        drawn = self._choose(now) if line is None else self._guess(line, now)
        self.is_urgent = self.is_urgent and drawn is not None
        if drawn is None:
            self.scribe.settle(now, is_quiet=self._is_quiet(now))
            self.scribe.write(now, may_guess=False)
        transcript = self.scribe.transcript
        if not self.is_urgent and len(transcript) - transcript.synced > CHUNK:
            drawn = None  # nobody waits: read a little, and be free soon for one who does
        self._asked = (line or self.turn) if drawn else None
        return transcript.offer(drawn, None if self.is_urgent else CHUNK)

    def accept(self, drawn: Drawn, now: Tick) -> None:
        """The result of the last polled step."""
        asked, self._asked = self._asked, None
        self.scribe.transcript.confirm()
        if asked is None or not drawn:
            return
        if isinstance(asked, Turn):
            for i, token in enumerate(drawn):
                if self.turn is None:  # what was written ends it
                    return
                if i:
                    self.scribe.transcript.hold()
                self._play(token, self.turn, now)
        elif asked.duration is None:  # otherwise the key came up meanwhile, and there is nothing to guess
            (token,) = drawn
            self.scribe.transcript.push(token)
            self.scribe.guess(asked, DURATION_STEPS[token - DURATION.start] * TICKS_PER_STEP)

    def advance(self, now: Tick) -> None:
        """A note whose moment passed before it could be promised is dropped."""
        self.plan.commit = self.pace.commit
        if expired := self.plan.advance(now):
            self.scribe.remove(expired)
            self.pace.late += len(expired)
            self._asked = None

    def next_step(self, now: Tick) -> Tick | None:
        """When `poll` next has something to do, if nobody says anything."""
        transcript = self.scribe.transcript
        if self.scribe.is_behind(may_guess=self._may_guess, is_quiet=self._is_quiet(now)):
            return now
        settles = self._settles_at()
        if self._loop is not None:
            onset = self._loop.next_from(self._looped_to)
            repeats = None if onset is None else Tick(onset - self._repeats_to(Tick(0)) + 1)
            return min((tick for tick in (settles, repeats) if tick is not None), default=None)
        if self.turn is None or not self.scribe.is_all_written:
            return settles
        if not transcript.is_complete:
            return now
        draws = Tick(min(self._writes_at(self.turn), self.turn.stops - self.pace.lead))
        return draws if settles is None else min(draws, settles)

    def _settles_at(self) -> Tick | None:
        """When a key has been down for longer than was guessed, or it is quiet enough to correct what lies far back."""
        outlived = self.scribe.next_outlived()
        quiet = self._room.quiet_from(self.settings.bar) if self.scribe.has_wrong else None
        return min((tick for tick in (outlived, quiet) if tick is not None), default=None)

    def _is_quiet(self, now: Tick) -> bool:
        return now >= self._room.quiet_from(self.settings.bar)

    def take_tokens(self) -> Tokens | None:
        """How the tokens that the network sees have changed since the last call."""
        transcript = self.scribe.transcript
        changes = transcript.take_changes()
        if changes is None:
            return None
        position, tokens = changes
        return Tokens(
            position=position,
            tokens=tuple(tokens),
            first_tick=transcript.first_step * TICKS_PER_STEP,
            parts=transcript.header.order,
        )

    @property
    def _may_guess(self) -> bool:
        return self.settings.mode != "answer" and self.turn is not None

    def _guess(self, line: Line, now: Tick) -> Draw:
        """How long will this key stay down? Not less than it already is."""
        shortest = duration_token(now - line.onset)
        return Draw(allowed=((shortest, DURATION.stop),), sampling=self.settings.sampling)

    def _choose(self, now: Tick) -> Draw | None:
        """The machine's next token. Where there is no choice the network is not asked."""
        while self.turn and self._loop is None and (drawn := self._next_draw(self.turn, now)):
            first, stop = drawn.allowed[0]
            if len(drawn.allowed) > 1 or stop - first > 1:
                return drawn
            self._play(first, self.turn, now)
        return None

    def _next_draw(self, turn: Turn, now: Tick) -> Draw | None:
        """What may come next; None where the plan reaches far enough, or the turn is over."""
        transcript = self.scribe.transcript
        if not self.scribe.is_all_written:
            return None
        earliest = -(-self._from(turn, now) // TICKS_PER_STEP)
        if transcript.is_complete:
            written = self._written_to
            if max(earliest, written) * TICKS_PER_STEP >= turn.stops:
                self._finish_turn(turn)
                return None
            if now < self._writes_at(turn):
                return None
            self.scribe.seek(earliest, now)
        return draw(
            Scene(
                state=transcript.state,
                settings=self.settings,
                turn=turn,
                lines=self.scribe.lines,
                now=now,
                earliest=earliest,
                is_thin=self.pace.rung is Rung.THIN,
                is_shared=self._room.is_shared(now, self.settings.bar),
                throw=self._room.throws,
            )
        )

    def _writes_at(self, turn: Turn) -> Tick:
        heard = self._room.heard if self.settings.mode in TOGETHER else None
        return self.pace.writes_at(max(self._written_to * TICKS_PER_STEP, turn.begin), heard)

    def _from(self, turn: Turn, now: Tick) -> int:
        """The earliest tick of a new note."""
        return max(now + self.pace.lead, turn.begin, self._rests_until, self._room.left_to * TICKS_PER_STEP)

    @property
    def _written_to(self) -> int:
        """The grid step up to which the plan is made."""
        return max(self.scribe.transcript.state.step, self._room.left_to)

    def _play(self, token: int, turn: Turn, now: Tick) -> None:
        """The network, or the lack of a choice, says `token`."""
        transcript = self.scribe.transcript
        if token in PART and not self.settings.machine >> transcript.header.part_of(token - PART.start) & 1:
            self._room.leave(transcript.state.step)
            transcript.drop_unfinished()
            return
        note = finished_note(transcript.state, token)
        if note is None:
            transcript.push(token)
            if transcript.state.step * TICKS_PER_STEP >= turn.stops:
                self._finish_turn(turn)
        elif note.onset < now:
            transcript.drop_unfinished()
            if self.pace.missed():
                self._rests_until = self._next_bar(Tick(now + self.pace.lead))
        else:
            part, duration = transcript.header.part_of(note.part), min(note.duration, turn.end - note.onset)
            self._mean(replace(note, part=part, duration=duration), now)
            self.turn = replace(turn, opens_by=None)

    def _mean(self, note: Note, now: Tick) -> None:
        """Put a note into the plan; an older one on its key makes way where it can."""
        self.scribe.transcript.push(duration_token(note.duration))
        self.scribe.append(note)
        for older in self.plan.shorten(note.part, note.pitch, note.onset):
            self.scribe.correct(older)
        self.plan.add(note)
        self.is_urgent = False
        self.pace.made(note.onset - now)

    def _next_bar(self, tick: Tick) -> int:
        return -(-tick // self.settings.bar) * self.settings.bar

    # ---- the next context ----------------------------------------------------------------------------

    @property
    def wants_relief(self) -> bool:
        """The context fills: a second sequence should take over."""
        return self._handover.is_wanted(self.scribe)

    def relieve(self, now: Tick) -> Step | None:
        """For the second sequence, where `poll` has nothing to do: the next context, a few tokens at a time."""
        if not self.wants_relief or not self._is_between_notes:
            return None
        return self._handover.step(self.settings.header, self.scribe, now, self.settings.bar)

    def accept_relief(self, now: Tick) -> bool:
        """That step has run. True: the second sequence is the first from now on, and the other one is free."""
        may_take_over = self._handover.confirm() and self._is_between_notes
        return may_take_over and self._handover.take_over(self.scribe, now, self.settings.bar)

    @property
    def _is_between_notes(self) -> bool:
        return bool(self.scribe.written) and self._asked is None and self.scribe.transcript.is_complete
