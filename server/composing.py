"""From what is asked for, over REST or on the command line, to music ready to be written. Knows no job and no route."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Any, ClassVar, Final

from model.engine.together import Writer
from model.engine.work import Engine
from model.fill import Filling, as_before, machine_first
from model.generate import Continuation, Shape
from model.recital import Recital
from model.tokens.grammar import ALL_PARTS, mask_of
from model.tokens.vocabulary import PARTS
from music.errors import BadMidi, BadSetting
from music.limits import DEFAULT_LIMITS
from music.score import Note, Part, Score
from music.time import TICKS_PER_QUARTER, Meter, MeterChange, MeterMap, Tempo, TempoMap, Tick
from server.shaping import sampling_of, shape_of
from streaming.generations import DEFAULT_BARS, DEFAULT_SECONDS, MOST_BARS, GenerationOptions, GenerationRequest
from streaming.messages import FOLLOW

PIANO: Final = 0
BARS_AND_PARTS: Final = ("bars", "key", "chords", "from_bar", "parts", "programs")  # performance tokens know of none


@dataclass(frozen=True, slots=True)
class Order:
    """One generation, ready to be written again and again with other seeds."""

    work: Continuation | Filling
    shape: Shape
    size: int  # in bars
    parts: tuple[int, ...] = ()  # which part of the score each of the work's parts is; empty: the same

    unit: ClassVar[str] = "bars"

    def write(
        self, engine: Engine[Any], seed: int, progress: Callable[[], object] = lambda: None
    ) -> Writer[Any, list[Note]]:
        return self.work.write(engine, self.shape, seed, progress)

    def whole(self, added: Sequence[Note]) -> Score:
        """Takes time for a long score."""
        score = self.work.whole(added)
        return as_before(score, self.parts) if self.parts else score


AnyOrder = Order | Recital


def prepare_solo(options: GenerationOptions, prompt: Score) -> Recital:
    """Raises BadSetting for what a network for solo piano cannot do. Takes time for a long prompt."""
    if options.mode != "continue":
        raise BadSetting(f"expected mode continue with a network for solo piano, got {options.mode}")
    for name in BARS_AND_PARTS:
        if (given := getattr(options, name)) and given != FOLLOW:
            raise BadSetting(f"expected no {name} with a network for solo piano, got {given!r}")
    seconds = DEFAULT_SECONDS if options.seconds is None else options.seconds
    return Recital.of(first_bars(prompt, options.prompt_bars), seconds=seconds, sampling=sampling_of(options))


def prepare(options: GenerationOptions, prompt: Score, capacity: int) -> Order:
    """Raises BadSetting for options that do not fit the prompt. Takes time for a long one."""
    _check(options, prompt)
    score = first_bars(prompt, options.prompt_bars)
    match options.mode:
        case "continue":
            return _continuation(options, score, mask_of(options.parts) or ALL_PARTS, capacity)
        case "answer":
            programs = options.programs or tuple(part.program for part in score.parts)
            return _continuation(options, *_with_parts(score, programs), capacity)
        case "accompany":
            return _filling(options, *_with_parts(score, options.programs or (PIANO,)), capacity)
        case "fill":
            return _filling(options, score, mask_of(options.parts or range(len(score.parts))), capacity)


def score_of(request: GenerationRequest) -> Score:
    """The prompt that a request says in notes. Raises BadMidi where it is longer than files may be."""
    count = max((note.part + 1 for note in request.notes), default=1)
    programs = (*request.instruments, *(PIANO for _ in range(count - len(request.instruments))))
    notes = {(note.tick, note.part, note.pitch): note for note in request.notes}
    score = Score(
        parts=tuple(Part(program) for program in programs),
        notes=tuple(
            Note(Tick(note.tick), note.part, note.pitch, note.velocity, note.duration)
            for _, note in sorted(notes.items())
        ),
        tempos=(Tempo.from_bpm(request.bpm),),
        meters=(MeterChange(Tick(0), Meter.parse(request.meter)),),
    )
    seconds = TempoMap(score.tempos).nanos_at(score.end) / 1e9
    if seconds > DEFAULT_LIMITS.seconds:
        raise BadMidi(f"expected a prompt of at most {DEFAULT_LIMITS.seconds} seconds, got {seconds:.0f}")
    return score


def first_bars(score: Score, bars: int | None) -> Score:
    if bars is None:
        return score
    end = bars_on(score, Tick(0), bars)
    kept = tuple(
        note if note.end <= end else replace(note, duration=end - note.onset)
        for note in score.notes
        if note.onset < end
    )
    if not kept:
        raise BadSetting(f"expected notes in the first {bars} bars, got none")
    return replace(score, notes=kept)


def bars_on(score: Score, start: Tick, bars: int) -> Tick:
    """The bar line `bars` bars after the one at `start`."""
    meters = MeterMap(score.meters)
    bar = meters.bar_at(start)
    for _ in range(bars):
        bar = meters.next_bar(bar)
    return bar.tick


def bar_after(score: Score) -> Tick:
    """The first bar line after the last onset: where a continuation begins."""
    meters = MeterMap(score.meters)
    last = max((note.onset for note in score.notes), default=None)
    return Tick(0) if last is None else meters.next_bar(meters.bar_at(last)).tick


def _continuation(options: GenerationOptions, score: Score, parts: int, capacity: int) -> Order:
    bars = _bars(options, score, bar_after(score)) or DEFAULT_BARS
    work = Continuation.of(score, bars=bars, capacity=capacity, parts=parts)
    return Order(work, shape_of(options, score, parts, work.line), bars)


def _filling(options: GenerationOptions, score: Score, machine: int, capacity: int) -> Order:
    first, last = bars_on(score, Tick(0), (options.from_bar or 1) - 1), bar_after(score)
    if first > last:
        raise BadSetting(f"expected from_bar within the prompt or right after it, got {options.from_bar}")
    bars = _bars(options, score, first)
    if bars is None:
        bars = _bars_to_end(score, first) if options.mode == "accompany" else DEFAULT_BARS
    ordered, order = machine_first(score, machine)
    machines = machine.bit_count()
    end = bars_on(score, first, bars)
    work = Filling.of(ordered, machines=machines, first=first, end=end, capacity=capacity)
    given = (note for note in ordered.notes if note.part >= machines)
    return Order(work, shape_of(options, ordered, (1 << machines) - 1, work.line, given), bars, order)


def _bars(options: GenerationOptions, score: Score, start: Tick) -> int | None:
    if options.seconds is None:
        return options.bars
    bar = MeterMap(score.meters).bar_at(start).meter.bar_ticks
    quarter_s = 60 / TempoMap(score.tempos).bpm_at(start)
    bars = ceil(options.seconds / (quarter_s * bar / TICKS_PER_QUARTER)) or 1  # so few seconds may round to 0
    if bars > MOST_BARS:
        raise BadSetting(f"expected at most {MOST_BARS} bars, got {bars} in {options.seconds:g} seconds")
    return bars


def _bars_to_end(score: Score, first: Tick) -> int:
    meters, end, bars = MeterMap(score.meters), score.end, 0
    bar = meters.bar_at(first)
    while bar.tick < end and bars < MOST_BARS:
        bar, bars = meters.next_bar(bar), bars + 1
    return bars or DEFAULT_BARS


def _with_parts(score: Score, programs: Sequence[int]) -> tuple[Score, int]:
    """And the mask of the new ones."""
    parts = (*score.parts, *(Part(program) for program in programs))
    if len(parts) > PARTS:
        raise BadSetting(f"expected at most {PARTS} parts with the new ones, got {len(parts)}")
    return replace(score, parts=parts), mask_of(range(len(score.parts), len(parts)))


def _check(options: GenerationOptions, prompt: Score) -> None:
    adds = options.mode in ("accompany", "answer")
    for name, misplaced in (("parts", adds and options.parts), ("programs", not adds and options.programs)):
        if misplaced:
            raise BadSetting(f"expected no {name} with mode {options.mode}, got {list(misplaced)}")
    if options.from_bar is not None and options.mode in ("continue", "answer"):
        raise BadSetting(f"expected from_bar with accompany or fill, got it with {options.mode}: say prompt_bars")
    if options.parts and max(options.parts) >= len(prompt.parts):
        raise BadSetting(f"expected parts below {len(prompt.parts)}, the prompt's, got {max(options.parts)}")
