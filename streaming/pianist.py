"""The performer that plays the piano alone, in answers: real time, no bars, the pedal in the lengths of the notes.

A key goes down long before the network says when it comes up, and a note cannot be told without its length. So the
answer is written seconds ahead, as far as the engine is fast enough; where that is not far enough for a key that must
be told of, it will stay down for as long again as the network has let it so far.
"""

from dataclasses import replace
from typing import Final

from model.engine.work import Draw, Drawn, Step
from model.tokens.grammar import mask_of
from model.tokens.performance import END, SHIFT, allowed
from music.errors import BadSetting
from music.time import TICKS_PER_QUARTER, Tick
from streaming.messages import Control, Tokens
from streaming.performer import Performer
from streaming.piano_script import PianoScript
from streaming.scribe import Line
from streaming.settings import Settings
from streaming.taste import DRUMS, Taste
from streaming.turns import FOREVER, Turn

MODE: Final = "answer"
WITH: Final = "with a network for solo piano"
LEAD_MS: Final = 150  # an answer begins so long after it is due: in it the first lengths are drawn
TELL_MS: Final = 40  # a note is told at least this long before it sounds
LOOKAHEAD_MS: Final = 4000  # at least: that long the pedal holds most notes
SHORTEST_STEPS: Final = 25  # that a key stays down whose end is not drawn yet
CHUNK: Final = 256  # tokens that are read at once where nobody waits: of all but the last nothing is computed
LISTENING: Final = Draw(allowed=((END, END + 1),))  # so that all of it is computed while the human still plays
PLAIN: Final = Taste()
TASTES: Final = {"key": "key", "chart": "chords", "is_following": "chords", "density": "density",
    "dynamics": "dynamics", "leave_space": "leave_space", "repetition_guard": "repetition_guard",
    "muted": "mute"}  # fmt: skip


def for_pianist(settings: Settings) -> Settings:
    """As a network for solo piano plays them. Raises BadSetting for what it cannot do."""
    if settings.mode != MODE:
        raise BadSetting(f"expected mode {MODE} {WITH}, got {settings.mode}")
    if (parts := settings.machine.bit_count()) != 1:
        raise BadSetting(f"expected one part of the machine's {WITH}, got {parts}")
    players = (*settings.human, settings.machine.bit_length() - 1)
    if any(settings.header.programs[part] == DRUMS for part in players):
        raise BadSetting(f"expected no drums {WITH}, got program {DRUMS}")
    for field, said in TASTES.items():
        if getattr(settings.taste, field) != getattr(PLAIN, field):
            raise BadSetting(f"expected no {said} {WITH}, got some")
    return replace(settings, lead=_ticks(settings, LEAD_MS))


def check_control(control: Control) -> None:
    """Raises BadSetting for one that only a network with bars can follow."""
    if control.freeze:
        raise BadSetting(f"expected no freeze {WITH}, got one")


class Pianist(Performer):
    """Never blocks; use from one thread. `limit`: tokens that its context may have."""

    def __init__(self, settings: Settings, limit: int) -> None:
        super().__init__(settings)
        self._script = PianoScript(settings.header.bpm, limit)
        self._asked: Turn | None = None  # whose token the engine is drawing
        self._is_drawing = False  # the turn's music has begun, or begun anew
        self._rests_until = settings.count_in
        self._round_trip = 0

    @property
    def _decided_to(self) -> int:
        return FOREVER if self.turn is None else self._script.reaches

    # ---- what the session says -----------------------------------------------------------------------

    def hear_round_trip(self, ticks: int) -> None:
        super().hear_round_trip(ticks)
        self._round_trip = ticks

    def remember(self, line: Line) -> None:
        self._script.add(line)

    def hear(self, line: Line, since: Tick) -> None:
        self._drop(since)
        self._script.add(line)
        self._written_turn = None

    def release(self, line: Line, duration: int) -> None:
        self._script.release(line, duration)

    def hold_to(self, turn: Turn) -> None:
        self.turn = turn

    def follow(self, settings: Settings) -> None:
        self.settings = settings
        self.rethink()

    def rethink(self) -> None:
        self._drop(Tick(0))
        self.turn = self.turn or self._written_turn

    def _drop(self, since: Tick) -> None:
        """What is not promised from `since` on goes, and what is not told."""
        self._script.drop_drawn()
        for note in self.plan.cancel_tentative(since):
            self._script.remove(note)
        self._asked, self._is_drawing = None, False

    def silence(self, now: Tick) -> None:
        self._script.drop_drawn()
        cancelled, cut = self.plan.silence(now)
        for note in cut:
            self._script.shorten(note)
        for note in cancelled:
            self._script.remove(note)

    def freeze(self, now: Tick) -> None:
        """Refused by `check_control` before it comes to that."""

    def thaw(self) -> None:
        """Nobody was frozen."""

    def end_turn(self) -> None:
        self._script.drop_drawn()
        self.turn = self._written_turn = self._asked = None
        self._is_drawing = self.is_urgent = False

    # ---- work for the engine -------------------------------------------------------------------------

    def poll(self, now: Tick) -> Step | None:
        script = self._script
        if not self._is_late(now):
            self._tell_due(now)
        drawn = self._choose(now)
        self.is_urgent = self.is_urgent and drawn is not None
        self._asked = self.turn if drawn else None
        if drawn is None and self.turn is None:
            script.write(now)
            if script.is_full:
                script.forget()
        if drawn is None and 0 < len(script) - script.synced <= CHUNK:
            drawn = LISTENING
        return script.offer(drawn, CHUNK)

    def accept(self, drawn: Drawn, now: Tick) -> None:
        asked, self._asked = self._asked, None
        self._script.confirm()
        if asked is None or self.turn is None or not drawn:
            return
        (token,) = drawn
        ended = self._script.draw(token)
        if self._script.open:
            self.turn = replace(self.turn, opens_by=None)
        if not self._is_late(now):
            for pitch in ended:
                self._tell(pitch, self._script.state.step, now)
            self._tell_due(now)

    def advance(self, now: Tick) -> None:
        self.plan.commit = self.pace.commit
        for note in self.plan.advance(now):
            self._script.remove(note)
            self.pace.late += 1
            self._asked = None

    def next_step(self, now: Tick) -> Tick | None:
        script, stroke = self._script, self._script.next_stroke()
        if not script.is_synced or (self.turn and not self._is_drawing):
            return now
        if self.turn is None:
            return None if stroke is None else script.tick_of(stroke)
        due = [script.tick_of(begin) - self._tells for begin, _ in script.open.values()]
        return Tick(min([script.reaches - self._lookahead + 1, *due]))

    def take_tokens(self) -> Tokens | None:
        changes = self._script.take_changes()
        if changes is None:
            return None
        position, tokens = changes
        return Tokens(position=position, tokens=tuple(tokens), first_tick=self._script.first_tick)

    @property
    def _lookahead(self) -> int:
        return max(self.pace.lookahead, _ticks(self.settings, LOOKAHEAD_MS))

    @property
    def _tells(self) -> int:
        """A note is told so many ticks before it sounds."""
        return self._round_trip + _ticks(self.settings, TELL_MS)

    def _choose(self, now: Tick) -> Draw | None:
        """What the network is asked; None where the answer reaches far enough, or is over."""
        script, turn = self._script, self.turn
        if turn is None:
            return None
        if not self._is_drawing:
            script.seek(min(max(turn.begin, now + self.pace.lead, self._rests_until), turn.end))
            self._is_drawing = True
        elif not script.state.is_striking and script.reaches < now + self._tells:
            script.seek(min(now + self.pace.lead, turn.end))  # the engine is behind: what comes, comes later
        else:
            script.write(script.reaches)
        if script.reaches >= turn.end or (script.reaches >= turn.stops and not script.state.sounding):
            self._finish(now)
            return None
        if script.reaches >= now + self._lookahead:
            return None
        return Draw(allowed=self._allowed(turn), sampling=self.settings.sampling)

    def _allowed(self, turn: Turn) -> tuple[tuple[int, int], ...]:
        script, state = self._script, self._script.state
        waits = [len(SHIFT), script.step_from(turn.end) - state.step]
        if (stroke := script.next_stroke()) is not None:
            waits.append(stroke - state.step)
        if turn.opens_by is not None:
            waits.append(max(1, script.step_of(turn.opens_by) - state.step))
        return allowed(
            state,
            longest=min(waits),
            may_end=False,
            keys=self._keys if script.reaches < turn.stops else 0,
            stuck=state.sounding.keys() - script.open.keys(),
        )

    @property
    def _keys(self) -> int:
        """Bit p: the machine may play pitch p."""
        ((_, low, high),) = self.settings.taste.ranges
        return mask_of(range(low, high + 1))

    # ---- the plan ------------------------------------------------------------------------------------

    def _is_late(self, now: Tick) -> bool:
        """The moment of a note has passed that was not told yet: its music is given up, and what comes, comes later."""
        late = [begin for begin, _ in self._script.open.values() if self._script.tick_of(begin) < now]
        if late:
            if any([self.pace.missed() for _ in late]):
                self._rests_until = -(-(now + self.pace.lead) // self.settings.bar) * self.settings.bar
            self._script.rewind(min(late))
            self._is_drawing = False
        return bool(late)

    def _tell_due(self, now: Tick) -> None:
        """Notes that sound soon and have no end yet get one."""
        script, turn = self._script, self.turn
        due = [pitch for pitch, (begin, _) in script.open.items() if script.tick_of(begin) - self._tells <= now]
        for pitch in due if turn else ():
            assert turn is not None
            begin, _ = script.open[pitch]
            end = script.state.step + max(SHORTEST_STEPS, script.state.step - begin)
            self._tell(pitch, min(end, script.step_from(turn.end)), now)

    def _tell(self, pitch: int, end: int, now: Tick) -> None:
        note = replace(self._script.play(pitch, end), part=self.settings.machine.bit_length() - 1)
        self.plan.add(note)
        self.is_urgent = False
        self.pace.made(note.onset - now)

    def _finish(self, now: Tick) -> None:
        """All of the turn is written, and what was decided may still be to come."""
        turn = self.turn
        for pitch in self._script.lift_all():
            self._tell(pitch, self._script.state.step, now)
        self.end_turn()
        self._written_turn = turn


def _ticks(settings: Settings, ms: int) -> int:
    return round(ms * settings.header.bpm * TICKS_PER_QUARTER / 60_000)
