"""Bass, chords and drums under a given melody: whether they fit it, beside the real parts and the real parts shuffled.

Harmony is read from the notes themselves: in each half bar the triad that holds most of what sounds. No annotation is
needed, so any part can be judged, a machine's or a human's, by the same rule.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from model.evaluation.passage import Passage
from model.evaluation.trials import Trial
from music.score import DRUMS, Note
from music.time import TICKS_PER_QUARTER, Tick

BASSES = frozenset((*range(32, 40), 43, 58))  # basses, contrabass, tuba
ROLES = ("bass", "chords", "drums")
TOGETHER = TICKS_PER_QUARTER // 12  # onsets nearer than this sound as one
FEWEST_MELODY_NOTES = 8
# Major and minor, by root; a seventh changes neither root nor third.
TRIADS = np.array(
    [[(pitch - root) % 12 in triad for pitch in range(12)] for root in range(12) for triad in ((0, 4, 7), (0, 3, 7))]
)


@dataclass(frozen=True, slots=True)
class Fit:
    """Of an accompaniment to its melody; nan where there is nothing to measure."""

    melody_in_chords: float  # of the melody's time, the share on tones of the accompaniment's own chords
    chord_tones: float  # of the accompaniment's time, the share on tones of the real parts' chords
    bass_chord_tones: float  # the same of the bass alone
    on_beat: float  # share of onsets on a beat
    with_melody: float  # share of the melody's onsets that another part joins
    bass_density: float  # onsets a bar
    chords_density: float
    drums_density: float


def melody_of(passage: Passage) -> int | None:
    """The highest of the parts that play one note at a time, no bass; None where there is none or it is alone."""
    found: list[tuple[float, int]] = []
    for part, program in enumerate(passage.programs):
        notes = [note for note in passage.notes if note.part == part]
        alone = len({note.onset for note in notes}) >= 0.95 * len(notes)
        if program != DRUMS and program not in BASSES and len(notes) >= FEWEST_MELODY_NOTES and alone:
            found.append((float(np.mean([note.pitch for note in notes])), part))
    playing = {note.part for note in passage.notes}
    return max(found)[1] if found and len(playing) > 1 else None


def melody_last(trial: Trial) -> Trial | None:
    """The trial with its melody's player moved to the end; None where the melody cannot be told from the rest."""
    whole = trial.prompt.then(trial.truth)
    melody = melody_of(whole)
    if melody is None or melody_of(trial.truth) != melody:
        return None
    playing = sorted({note.part for note in whole.notes} - {melody})
    order = {part: i for i, part in enumerate((*playing, melody))}
    programs = tuple(whole.programs[part] for part in order)
    whole = replace(whole, notes=tuple(sorted(replace(n, part=order[n.part]) for n in whole.notes)), programs=programs)
    return replace(
        trial,
        prompt=whole.cut(0, trial.prompt.bars),
        truth=whole.cut(trial.prompt.bars, trial.truth.bars),
        later=None,
    )


def split_melody(passage: Passage) -> tuple[Passage, Passage]:
    """The melody, which is the last part, and the others."""
    last = len(passage.programs) - 1
    return passage.parts([last]), passage.parts(range(last))


def shuffled_bars(passage: Passage, rng: np.random.Generator) -> Passage:
    """The same bars in another order, none at its own place where that can be."""
    order = rng.permutation(passage.bars)
    if passage.bars > 1:
        order = np.roll(order, 1)[np.argsort(order)]  # each bar gives its place to its neighbour in a random round
    bars = [passage.cut(int(bar), 1) for bar in order]
    shuffled = bars[0]
    for bar in bars[1:]:
        shuffled = shuffled.then(bar)
    return shuffled


def fit(accompaniment: Passage, melody: Passage, real: Passage) -> Fit:
    """`real`: the human accompaniment, whose chords are the reference."""
    bass = accompaniment.parts(_players(accompaniment, "bass"))
    return Fit(
        melody_in_chords=share_on_chords(melody, chords_of(accompaniment)),
        chord_tones=share_on_chords(accompaniment, chords_of(real)),
        bass_chord_tones=share_on_chords(bass, chords_of(real)),
        on_beat=share_near([note.onset for note in accompaniment.notes], beats(accompaniment)),
        with_melody=share_near([note.onset for note in melody.notes], [n.onset for n in accompaniment.notes]),
        bass_density=_density(accompaniment, "bass"),
        chords_density=_density(accompaniment, "chords"),
        drums_density=_density(accompaniment, "drums"),
    )


def chords_of(passage: Passage) -> NDArray[np.bool_]:
    """(half bars, 12): the tones of the triad that holds most of the time that sounds there; none in silence."""
    time = _time_by_class(passage)
    best = TRIADS[(time @ TRIADS.T.astype(np.float64)).argmax(axis=1)]
    tones: NDArray[np.bool_] = np.logical_and(best, time.any(axis=1, keepdims=True))
    return tones


def share_on_chords(passage: Passage, chords: NDArray[np.bool_]) -> float:
    """Of the time that the passage sounds while there is a chord. nan where there is none."""
    time = _time_by_class(passage)[chords.any(axis=1)]
    return float(time[chords[chords.any(axis=1)]].sum() / time.sum()) if time.any() else float("nan")


def _time_by_class(passage: Passage) -> NDArray[np.float64]:
    """(half bars, 12): ticks in which each pitch class sounds, every note counted."""
    half = passage.meter.bar_ticks // 2
    time = np.zeros((2 * passage.bars, 12))
    for note in passage.pitched:
        at: int = note.onset
        while at < note.end:
            unit = at // half
            stop = min(note.end, (unit + 1) * half)
            time[unit, note.pitch % 12] += stop - at
            at = stop
    return time


def _players(passage: Passage, role: str) -> list[int]:
    return [part for part, program in enumerate(passage.programs) if _role(program) == role]


def _role(program: int) -> str:
    return "drums" if program == DRUMS else "bass" if program in BASSES else "chords"


def _density(passage: Passage, role: str) -> float:
    """nan where no player has the role."""
    players = _players(passage, role)
    onsets = {(note.onset, note.part) for note in passage.parts(players).notes}
    playing = players and (role != "chords" or len(players) > 1)  # the melody's player has the role, too
    return len(onsets) / passage.bars if playing else float("nan")


def beats(passage: Passage) -> list[int]:
    """Ticks, the last bar line among them."""
    return list(range(0, passage.ticks + 1, beat_ticks(passage)))


def beat_ticks(passage: Passage) -> int:
    """A dotted quarter in 6/8, 9/8 and 12/8; else the lower number of the meter."""
    meter = passage.meter
    compound = meter.denominator == 8 and meter.numerator % 3 == 0 and meter.numerator > 3
    return 3 * TICKS_PER_QUARTER // 2 if compound else meter.bar_ticks // meter.numerator


def share_near(onsets: Iterable[int], others: Sequence[int]) -> float:
    """The share of onsets within `TOGETHER` of one of the others; nan without onsets."""
    places, targets = np.array(sorted(onsets)), np.array(sorted(others))
    if not places.size:
        return float("nan")
    if not targets.size:
        return 0.0
    right = np.minimum(np.searchsorted(targets, places), targets.size - 1)
    left = np.maximum(right - 1, 0)
    gap = np.minimum(np.abs(places - targets[left]), np.abs(places - targets[right]))
    return float((gap <= TOGETHER).mean())


def as_passage(notes: Sequence[Note], trial: Trial) -> Passage:
    """Notes counted from the prompt's first bar, as a passage in the truth's place."""
    start = trial.prompt.ticks
    moved = sorted(replace(note, onset=Tick(note.onset - start)) for note in notes)
    return replace(trial.truth, notes=tuple(moved)).cut(0, trial.truth.bars)
