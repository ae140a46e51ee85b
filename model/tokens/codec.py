"""Notes to tokens and back, one at a time in both directions. Exact to the grid step, duration and velocity bin.

Training and live play use these same functions, so a network meets live what it met in training.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from model.tokens.grammar import State, advance, checked_advance, finished_note
from model.tokens.vocabulary import (
    BAR,
    BEGIN,
    DURATION,
    DURATION_STEPS,
    END,
    LONGEST_BAR,
    METER,
    METERS,
    PART,
    PARTS,
    PITCH,
    POSITION,
    PROGRAM,
    STYLE,
    STYLES,
    TEMPO,
    TICKS_PER_STEP,
    VELOCITY,
    bar_steps,
    bpm_of,
    duration_index,
    meter_index,
    tempo_index,
    velocity_index,
    velocity_of,
)
from music.errors import BadSetting
from music.score import Note, Part, Score
from music.time import Meter, MeterChange, MeterMap, Tempo, Tick


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What is known of a piece before its first bar.

    At one onset parts are written in the order of their slots, and so each is drawn behind those before it.
    """

    programs: Mapping[int, int]  # part -> program
    order: tuple[int, ...] = ()  # the part in each slot, all of them; (): a part's slot is its number
    meter: Meter = field(default_factory=Meter)
    bpm: float = 120.0
    style: str | None = None

    def __post_init__(self) -> None:
        if not self.programs:
            raise BadSetting("expected at least one part in the header, got none")
        if self.style is not None and self.style not in STYLES:
            raise BadSetting(f"expected a style of {', '.join(STYLES)}, got {self.style!r}")
        if self.order and sorted(self.order) != sorted(self.programs):
            raise BadSetting(f"expected an order of parts {sorted(self.programs)}, got {self.order}")

    def slot_of(self, part: int) -> int:
        return self.order.index(part) if self.order else part

    def part_of(self, slot: int) -> int:
        return self.order[slot] if self.order else slot

    def slots_of(self, parts: int) -> int:
        """Bit i: slot i, of the parts of which bit i is part i; any others are left out."""
        return sum(1 << slot for slot, part in enumerate(self.order or range(PARTS)) if parts >> part & 1)

    def tokens(self) -> list[int]:
        style = [] if self.style is None else [STYLE[STYLES.index(self.style)]]
        opening = [BEGIN[0], *style, METER[meter_index(self.meter)], TEMPO[tempo_index(self.bpm)]]
        for slot, program in sorted((self.slot_of(part), program) for part, program in self.programs.items()):
            opening += [PART[slot], PROGRAM[program]]
        return opening


class Encoder:
    """Writes notes in order (onset, part, pitch) as tokens.

    `meters` says where meters change; a change takes effect at the first bar line at or after it, and
    notes keep their absolute place whatever the bar lines are.
    """

    def __init__(self, meters: MeterMap, state: State) -> None:
        self.meters = meters
        self.state = state

    def seek(self, step: int) -> list[int]:
        """Bars until `step` lies in the current one."""
        tokens: list[int] = []
        while self.state.bars == 0 or step >= self.state.bar_end:
            self._put(tokens, BAR[0])
            index = meter_index(self.meters.bar_at(Tick(self.state.bar_start * TICKS_PER_STEP)).meter)
            if index != self.state.meter:
                self._put(tokens, METER[index])
        return tokens

    def onset(self, note: Note) -> list[int]:
        """All of the note but its duration."""
        step = step_of(note.onset)
        tokens = self.seek(step)
        if step - self.state.bar_start != self.state.position:
            self._put(tokens, POSITION[step - self.state.bar_start])
        for token in (PART[note.part], PITCH[note.pitch], VELOCITY[velocity_index(note.velocity)]):
            self._put(tokens, token)
        return tokens

    def note(self, note: Note) -> list[int]:
        tokens = self.onset(note)
        self._put(tokens, duration_token(note.duration))
        return tokens

    def _put(self, tokens: list[int], token: int) -> None:
        self.state = advance(self.state, token)
        tokens.append(token)


def step_of(tick: int) -> int:
    """The nearest grid step."""
    return (tick + TICKS_PER_STEP // 2) // TICKS_PER_STEP


def duration_token(ticks: int) -> int:
    return DURATION[duration_index(step_of(ticks))]


def on_grid(note: Note) -> Note:
    """The note as tokens can say it."""
    return Note(
        Tick(step_of(note.onset) * TICKS_PER_STEP),
        note.part,
        note.pitch,
        velocity_of(velocity_index(note.velocity)),
        DURATION_STEPS[duration_index(step_of(note.duration))] * TICKS_PER_STEP,
    )


def unison_free(notes: Iterable[Note]) -> list[Note]:
    """Sorted on-grid notes; of two on the same key at the same step the longer stays."""
    kept: dict[tuple[int, int, int], Note] = {}
    for note in sorted(map(on_grid, notes)):
        key = (note.onset, note.part, note.pitch)
        if key not in kept or kept[key].duration < note.duration:
            kept[key] = note
    return list(kept.values())


def header_of(score: Score, style: str | None = None) -> Header:
    tempo = min(score.tempos, key=lambda change: change.tick)
    meter = MeterMap(score.meters).bar_at(Tick(0)).meter
    return Header(
        programs={part: player.program for part, player in enumerate(score.parts)},
        meter=meter,
        bpm=tempo.bpm,
        style=style,
    )


def encode_score(score: Score, *, style: str | None = None, end: bool = True) -> list[int]:
    """A whole piece as tokens."""
    tokens = header_of(score, style).tokens()
    encoder = Encoder(MeterMap(score.meters), read_state(tokens))
    for note in unison_free(score.notes):
        tokens += encoder.note(note)
    return [*tokens, END[0]] if end and encoder.state.bars else tokens


def read_state(tokens: Iterable[int]) -> State:
    """The state after `tokens`, each checked against the grammar."""
    state = State()
    for token in tokens:
        state = checked_advance(state, token)
    return state


def decode(tokens: Iterable[int]) -> Score:
    """Any string that the grammar allows, as music. A note still without its duration is left out."""
    state, notes, meters, programs, bpm = State(), [], [], dict[int, int](), 120.0
    for token in tokens:
        note = finished_note(state, token)
        state = checked_advance(state, token)
        if note:
            notes.append(note)
        elif token in METER:
            meters.append(MeterChange(Tick(state.bar_start * TICKS_PER_STEP), METERS[token - METER.start]))
        elif token in TEMPO:
            bpm = bpm_of(token - TEMPO.start)
        elif token in PROGRAM:
            programs[state.part] = token - PROGRAM.start
    parts = tuple(Part(programs.get(part, 0)) for part in range(max(programs, default=-1) + 1))
    return Score(parts, tuple(sorted(notes)), (Tempo.from_bpm(bpm),), tuple(meters))


assert max(bar_steps(index) for index in range(len(METERS))) == LONGEST_BAR
