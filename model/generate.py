"""Offline: more bars of a score, by any engine. Knows no clock; live playing is the session's.

The network is given the score's last bars in half of its context, and writes into the other half. When that is full
it begins again with the last bars, its own among them.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

from model.engine.together import Writer, run_together
from model.engine.work import Draw, Engine, EngineSequence, Sampling, Step
from model.tokens.codec import Encoder, header_of, read_state, unison_free
from model.tokens.grammar import ALL_PARTS, Limits, State, advance, allowed, finished_note
from model.tokens.vocabulary import BAR, DURATION, METER, TICKS_PER_STEP, Attribute, bar_steps, meter_index
from music.errors import BadSetting
from music.score import Note, Score
from music.time import MeterChange, MeterMap, Tempo, TempoMap, Tick

S = TypeVar("S", bound=EngineSequence)
# From the state, the absolute grid step at which its window begins, and what is asked beyond grammar.
Shape = Callable[[State, int, Limits], Draw]

NOTE_TOKENS = len(Attribute)  # position, part, pitch, velocity, duration
SMALLEST_CAPACITY = 128  # half of it holds a header of 16 parts and a few notes
STRETCH = 1 << 48  # between the seeds of contexts that follow one another, so that the dice do not fall alike


@dataclass(frozen=True, slots=True)
class Prompt:
    """A header and bars, up to where the network goes on."""

    tokens: tuple[int, ...]
    state: State  # after them
    start: int  # absolute grid step of its first bar
    meters: MeterMap  # from there on


def plain(sampling: Sampling) -> Shape:
    """Whatever the grammar allows."""
    return lambda state, _, limits: Draw(allowed=allowed(state, limits), sampling=sampling)


def continue_score(
    engine: Engine[S],
    score: Score,
    *,
    bars: int,
    sampling: Sampling,
    seed: int,
    style: str | None = None,
    progress: Callable[[], object] = lambda: None,
) -> Score:
    """`score` and `bars` more bars in its last meter, from the bar line after its last onset.

    Its own notes stay as they are, to the tick. The same engine, input and seed give the same music. `progress` is
    called after each bar.
    """
    writer = continuation(engine, score, bars=bars, sampling=sampling, seed=seed, style=style, progress=progress)
    return run_together(engine, [writer], at_once=1)[0]


def continuation(
    engine: Engine[S],
    score: Score,
    *,
    bars: int,
    sampling: Sampling,
    seed: int,
    style: str | None = None,
    parts: int = ALL_PARTS,
    progress: Callable[[], object] = lambda: None,
) -> Writer[S, Score]:
    """`continue_score` as a writer, so that several may share the engine. Bit i of `parts`: part i may play."""
    order = Continuation.of(score, bars=bars, capacity=engine.capacity, style=style, parts=parts)
    added = yield from order.write(engine, plain(sampling), seed, progress)
    return order.whole(added)


@dataclass(frozen=True, slots=True)
class Continuation:
    """What is to be written, made ready: the whole score is read once, however often it is continued.

    Making it and `whole` take time for a long score; `write` takes none beside what the engine takes.
    """

    score: Score
    near: Score  # what of it the network can still hear
    prompt: Prompt
    line: int  # where new notes begin, and
    end: int  # end: absolute grid steps
    limits: Limits
    style: str | None

    @classmethod
    def of(
        cls, score: Score, *, bars: int, capacity: int, style: str | None = None, parts: int = ALL_PARTS
    ) -> "Continuation":
        check_order(bars, capacity)
        known = replace(score, notes=tuple(unison_free(score.notes)))
        line = _write(known, 0, None, style).state.bar_end
        # Meters that change after the last note would move the bar lines of the new ones.
        kept = tuple(change for change in score.meters if change.tick <= line * TICKS_PER_STEP)
        known = replace(known, meters=kept)
        meter = MeterMap(kept).bar_at(Tick(line * TICKS_PER_STEP)).meter
        end = line + bars * bar_steps(meter_index(meter))
        prompt = prompt_through(known, line, capacity // 2, style=style)
        limits = Limits(parts=parts, may_end=False)  # neither the end nor another meter
        near = since(known, prompt.start)
        return cls(replace(score, meters=kept), near, prompt, line, end, limits, style)

    def write(
        self, engine: Engine[S], shape: Shape, seed: int, progress: Callable[[], object] = lambda: None
    ) -> Writer[S, list[Note]]:
        """The new notes."""
        known, prompt, line, added = self.near, self.prompt, self.line, list[Note]()
        while True:
            sequence = engine.open(seed)
            try:
                notes, line = yield from _fill(engine, sequence, prompt, self.end, self.limits, shape, progress)
            finally:
                sequence.close()
            added += notes
            if line >= self.end:
                return added
            known = since(replace(known, notes=(*known.notes, *notes)), prompt.start)
            prompt = prompt_through(known, line, engine.capacity // 2, begin=prompt.start, style=self.style)
            seed += STRETCH

    def whole(self, added: Iterable[Note]) -> Score:
        return replace(self.score, notes=tuple(sorted((*self.score.notes, *added))))


def since(known: Score, step: int) -> Score:
    """Without the notes before `step`."""
    return replace(known, notes=tuple(note for note in known.notes if note.onset >= step * TICKS_PER_STEP))


def check_order(bars: int, capacity: int) -> None:
    """Raises BadSetting for what no engine, or not one that holds `capacity` tokens, can write."""
    if bars < 1:
        raise BadSetting(f"expected at least one bar to write, got {bars}")
    if capacity < SMALLEST_CAPACITY:
        raise BadSetting(f"expected an engine that holds {SMALLEST_CAPACITY} tokens, got {capacity}")


def prompt_through(known: Score, line: int, room: int, *, begin: int = 0, style: str | None = None) -> Prompt:
    """The last bars that fit, through the bar that begins at step `line`: as far as `known` has notes in it.

    None before the bar line `begin`, where an earlier prompt of the same music began: later ones begin no sooner.
    """
    whole = _write(known, begin, line, style)
    meter, at, bars = 0, begin, list[tuple[int, int]]()  # token and step of each bar
    for i, token in enumerate(whole.tokens):
        if token in METER:
            meter = token - METER.start
        elif token in BAR:
            at += bar_steps(meter) if bars else 0
            bars.append((i, at))
    header = bars[0][0]
    for i, start in bars:
        if header + len(whole.tokens) - i <= room:
            return _write(known, start, line, style)
    # Not even the newest bar fits: then the last of its notes, beside a bar and a meter.
    fitting = (room - header - 2) // NOTE_TOKENS
    return _write(replace(known, notes=known.notes[-fitting:]), line, line, style)


def _write(known: Score, start: int, line: int | None, style: str | None) -> Prompt:
    """The notes from bar line `start` on, and bars until `line` is in the last one. Both are grid steps."""
    tick = Tick(start * TICKS_PER_STEP)
    meters = MeterMap(known.meters)
    later = [MeterChange(Tick(c.tick - tick), c.meter) for c in meters.changes if c.tick > tick]
    window = Score(
        parts=known.parts,
        notes=tuple(replace(n, onset=Tick(n.onset - tick)) for n in known.notes if n.onset >= tick),
        tempos=(Tempo.from_bpm(TempoMap(known.tempos).bpm_at(tick)),),
        meters=(MeterChange(Tick(0), meters.bar_at(tick).meter), *later),
    )
    tokens = header_of(window, style).tokens()
    encoder = Encoder(MeterMap(window.meters), read_state(tokens))
    for note in window.notes:
        tokens += encoder.note(note)
    if line is not None:
        tokens += encoder.seek(line - start)
    return Prompt(tuple(tokens), encoder.state, start, encoder.meters)


def _fill(
    engine: Engine[S],
    sequence: S,
    prompt: Prompt,
    end: int,
    limits: Limits,
    shape: Shape,
    progress: Callable[[], object],
) -> Writer[S, tuple[list[Note], int]]:
    """Write until step `end`, or until the engine is full. Returns the notes, and the bar line after which to go on."""
    state, append, length = prompt.state, prompt.tokens, 0
    notes: list[Note] = []
    while True:
        (token,) = yield sequence, Step(keep=length, append=append, draw=shape(state, prompt.start, limits))
        length += len(append)
        if token in BAR:
            progress()
        if token in BAR and prompt.start + state.bar_end >= end:
            return notes, end
        note = finished_note(state, token)
        if note is not None:
            notes.append(replace(note, onset=Tick(note.onset + prompt.start * TICKS_PER_STEP)))
        state, append = advance(state, token), (token,)
        if (token in BAR or token in DURATION) and length + 1 + NOTE_TOKENS > engine.capacity:
            return notes, prompt.start + state.bar_start
