"""What a pianist network hears: the keys of all who play as one pianist's, in performance tokens and real time.

Keeps the tokens true, whatever the order in which strokes become known: what has not been said of them is said when
its time comes, what was said too early is said anew. Knows no plan and no turns.
"""

from bisect import bisect_left, bisect_right, insort
from dataclasses import replace
from typing import Final, NamedTuple

from model.tokens.performance import (
    END,
    OFF,
    ON,
    SHIFT,
    VELOCITY,
    VELOCITY_WIDTH,
    Performance,
    PerformanceEncoder,
    advance,
)
from music.score import Note
from music.time import TICKS_PER_QUARTER, Tick
from streaming.scribe import Line
from streaming.tape import Tape

STEPS_PER_MINUTE: Final = 6000
LONGEST_PAUSE: Final = 4 * len(SHIFT)  # steps of silence that are told; a player's tea break is no music
FULL: Final = 0.75  # of the limit, from which on the older half goes at a moment that suits
KEPT: Final = 0.4  # of the limit


class Stroke(NamedTuple):
    """A key at a step of 10 ms; in the order in which they are said."""

    step: int
    is_down: bool  # others come up first
    pitch: int
    begin: int  # the step at which it went down
    velocity: int


class PianoScript(Tape[Performance]):
    """Never blocks; use from one thread. `limit`: tokens that it may have; then it forgets the older ones."""

    def __init__(self, bpm: float, limit: int) -> None:
        super().__init__([END], [Performance()], advance)
        self._ticks_per_step = bpm * TICKS_PER_QUARTER / STEPS_PER_MINUTE
        self._limit = limit
        self._strokes: list[Stroke] = []  # sorted
        self._said = 0  # so many of them the tokens say
        self.open: dict[int, tuple[int, int]] = {}  # drawn keys that are down, not played yet: as in `sounding`

    # ---- time ----------------------------------------------------------------------------------------

    def step_of(self, tick: int) -> int:
        """The nearest step."""
        return round(tick / self._ticks_per_step)

    def tick_of(self, step: int) -> Tick:
        return Tick(round(step * self._ticks_per_step))

    def step_from(self, tick: int) -> int:
        """The first step at `tick` or later."""
        step = int(tick // self._ticks_per_step)
        while self.tick_of(step) < tick:
            step += 1
        return step

    @property
    def reaches(self) -> Tick:
        """So far the tokens tell."""
        return self.tick_of(self.state.step)

    @property
    def first_tick(self) -> Tick:
        return self.tick_of(self._states[0].step)

    # ---- the truth changes ---------------------------------------------------------------------------

    def add(self, line: Line) -> None:
        """A key that went down, and perhaps came up; it takes the place of one that went down at the same step."""
        begin = self.step_of(line.onset)
        for stroke in self._strokes_of(begin, line.pitch):
            self._take_out(stroke)
        self._insert(Stroke(begin, True, line.pitch, begin, line.velocity))
        if line.duration is not None:
            self.release(line, line.duration)

    def release(self, line: Line, duration: int) -> None:
        begin = self.step_of(line.onset)
        self._insert(self._up(begin, line.pitch, self.step_of(line.onset + duration)))

    def remove(self, note: Note) -> None:
        """One that was played from here will not sound."""
        for stroke in self._strokes_of(self.step_of(note.onset), note.pitch):
            self._take_out(stroke)

    def shorten(self, note: Note) -> None:
        """One that was played from here ends earlier."""
        for stroke in self._strokes_of(self.step_of(note.onset), note.pitch):
            if not stroke.is_down:
                self._take_out(stroke)
                self._insert(stroke._replace(step=max(stroke.begin + 1, self.step_of(note.end))))

    def _strokes_of(self, begin: int, pitch: int) -> list[Stroke]:
        since = bisect_left(self._strokes, (begin,))
        return [stroke for stroke in self._strokes[since:] if (stroke.begin, stroke.pitch) == (begin, pitch)]

    def _up(self, begin: int, pitch: int, step: int) -> Stroke:
        return Stroke(max(begin + 1, step), False, pitch, begin, 0)

    def _insert(self, stroke: Stroke) -> None:
        at = bisect_right(self._strokes, stroke)
        self._strokes.insert(at, stroke)
        if at < self._said or stroke.step < self.state.step:
            self.rewind(stroke.step)

    def _take_out(self, stroke: Stroke) -> None:
        at = bisect_left(self._strokes, stroke)
        del self._strokes[at]
        if at < self._said:
            self._said -= 1
            self.rewind(stroke.step)

    # ---- the tokens follow ---------------------------------------------------------------------------

    def rewind(self, step: int) -> None:
        """Forget all from `step` on, and the time that was told to pass towards it."""
        self.rewind_to_index(bisect_left(self._states, step, lo=1, key=lambda state: state.step))
        while len(self) > 1 and (self._tokens[-1] in SHIFT or self._tokens[-1] in VELOCITY):
            self.rewind_to_index(len(self) - 1)
        self._said = min(self._said, bisect_left(self._strokes, (step,)))
        self.open = {pitch: struck for pitch, struck in self.open.items() if struck[0] < step}

    def drop_drawn(self) -> None:
        """What was drawn and is no stroke was never played."""
        self.rewind(min((begin for begin, _ in self.open.values()), default=self.state.step + 1))

    def write(self, tick: int) -> None:
        """Say all strokes up to `tick`."""
        self._write_to(self.step_from(tick + 1) - 1)

    def seek(self, tick: int) -> None:
        """Say all strokes and let time pass, up to the first step at `tick` or later."""
        step = self.step_from(tick)
        self._write_to(step)
        if len(self) == 1:
            self._states[0] = Performance(step=step)
        self._wait(step)

    def next_stroke(self) -> int | None:
        """The step of the first one that is not said."""
        return self._strokes[self._said].step if self._said < len(self._strokes) else None

    def _write_to(self, step: int) -> None:
        while self._said < len(self._strokes) and self._strokes[self._said].step <= step:
            self._say(self._strokes[self._said])
            self._said += 1

    def _say(self, stroke: Stroke) -> None:
        """Nothing, where a key goes down twice at a step, or has gone down again since."""
        begin, _ = self.state.sounding.get(stroke.pitch, (None, 0))
        if begin == stroke.step if stroke.is_down else begin != stroke.begin:
            return
        if len(self) == 1 and (stroke.step < self.state.step or not self.state.sounding):
            self._states[0] = Performance(step=stroke.step)  # it begins there
        self._wait(stroke.step)
        encoder = PerformanceEncoder(self.state)
        for token in (
            encoder.down(stroke.step, stroke.pitch, stroke.velocity)
            if stroke.is_down
            else encoder.up(stroke.step, stroke.pitch)
        ):
            self.push(token)

    def _wait(self, step: int) -> None:
        if step - self.state.step > LONGEST_PAUSE and not self.state.sounding:
            pause = LONGEST_PAUSE // len(SHIFT)
            self._states += [replace(self.state, step=step)] * pause
            self._tokens += [SHIFT[-1]] * pause
        for token in PerformanceEncoder(self.state).wait(step):
            self.push(token)

    # ---- the network plays ---------------------------------------------------------------------------

    def draw(self, token: int) -> list[int]:
        """The network says `token`. Returns the keys that come up with it."""
        self.push(token)
        if token in ON:
            self.open[token] = self.state.sounding[token]
        return [pitch for pitch in self.open if pitch not in self.state.sounding]

    def lift_all(self) -> list[int]:
        """All drawn keys that are down come up. Returns them."""
        for pitch in self.open:
            self.push(OFF[pitch])
        return list(self.open)

    def play(self, pitch: int, end: int) -> Note:
        """A drawn key is down until step `end`, come what may: the note that it makes."""
        begin, velocity = self.open.pop(pitch)
        velocity = velocity * VELOCITY_WIDTH + VELOCITY_WIDTH // 2
        up = self._up(begin, pitch, end)
        insort(self._strokes, Stroke(begin, True, pitch, begin, velocity))
        insort(self._strokes, up)
        self._said += 1 if pitch in self.state.sounding else 2
        onset = self.tick_of(begin)
        return Note(onset, 0, pitch, velocity, max(1, self.tick_of(up.step) - onset))

    # ---- when it becomes too long --------------------------------------------------------------------

    @property
    def is_full(self) -> bool:
        return len(self) > FULL * self._limit

    def forget(self) -> None:
        """Only the newest tokens stay; the engine is to read them again."""
        first = len(self) - round(KEPT * self._limit)
        while first < len(self) and self._states[first].step == self._states[first - 1].step:
            first += 1
        tokens, states = self._tokens[first:], self._states[first:]
        before = self._states[first - 1]
        gone = bisect_left(self._strokes, (before.step + 1,))
        self.rewind_to_index(0)
        self._tokens, self._states = [END, *tokens], [before, *states]
        del self._strokes[:gone]
        self._said -= gone
