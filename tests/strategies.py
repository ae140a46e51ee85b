"""Music that hypothesis makes up. Every score is in the form that reading a file gives."""

from itertools import pairwise

from hypothesis import strategies as st

from music.score import DRUMS, Note, Part, Score
from music.time import FREE, Meter, MeterChange, Tempo, Tick

PIECE_TICKS = 480 * 4 * 8

programs = st.integers(0, DRUMS)
pitches = st.integers(0, 127)
velocities = st.integers(1, 127)
meters = st.one_of(
    st.builds(Meter, st.integers(1, 255), st.sampled_from([1, 2, 4, 8, 16, 32, 64])),
    st.just(FREE),
)
names = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
later_ticks = st.integers(1, PIECE_TICKS)


@st.composite
def tempos(draw: st.DrawFn, slowest_us: int = 3_000_000, fastest_us: int = 1) -> tuple[Tempo, ...]:
    paces = st.integers(fastest_us, slowest_us)
    changes = draw(st.dictionaries(later_ticks, paces, max_size=5)) | {0: draw(paces)}
    return tuple(Tempo(Tick(tick), pace) for tick, pace in sorted(changes.items()))


@st.composite
def meter_changes(draw: st.DrawFn) -> tuple[MeterChange, ...]:
    changes = draw(st.dictionaries(later_ticks, meters, max_size=5))
    changes[0] = draw(meters)
    return tuple(MeterChange(Tick(tick), changes[tick]) for tick in sorted(changes))


@st.composite
def part_notes(draw: st.DrawFn, part: int) -> list[Note]:
    """At least one; a pitch is struck again at the earliest where its note before ends."""
    notes = []
    # Few pitches and many onsets, so that notes do meet.
    for pitch in draw(st.sets(pitches, min_size=1, max_size=4)):
        onsets = sorted(draw(st.sets(st.integers(0, PIECE_TICKS), min_size=1, max_size=5)))
        for onset, after in pairwise([*onsets, onsets[-1] + PIECE_TICKS]):
            length = draw(st.one_of(st.just(after - onset), st.integers(1, after - onset)))
            notes.append(Note(Tick(onset), part, pitch, draw(velocities), length))
    return notes


@st.composite
def scores(draw: st.DrawFn, max_parts: int = 16) -> Score:
    parts = draw(st.lists(st.builds(Part, programs, names), min_size=1, max_size=max_parts))
    notes = [note for i in range(len(parts)) for note in draw(part_notes(i))]
    return Score(tuple(parts), tuple(sorted(notes)), draw(tempos()), draw(meter_changes()))
