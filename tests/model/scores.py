"""Scores for property tests: several parts, meters that change, drums, long rests, chords, unisons."""

from hypothesis import strategies as st

from model.tokens.vocabulary import DURATION_STEPS, METERS, TICKS_PER_STEP, VELOCITY, velocity_of
from music.score import DRUMS, Note, Part, Score
from music.time import MeterChange, Tempo, Tick

programs = st.one_of(st.integers(0, 127), st.just(DRUMS))
grid_ticks = st.integers(0, 4000).map(lambda step: step * TICKS_PER_STEP)
# Near each other, so that chords, unisons and repeated notes happen; now and then after a rest of many bars.
grid_onsets = st.one_of(
    st.sampled_from([0, 10, 240, 480, 490, 1910, 1920]), grid_ticks, grid_ticks.map(lambda t: t * 9)
)
any_onsets = st.one_of(grid_onsets, st.integers(0, 40_000))


def scores(notes: st.SearchStrategy[Note], parts: int) -> st.SearchStrategy[Score]:
    meters = st.lists(st.builds(MeterChange, grid_ticks.map(Tick), st.sampled_from(METERS)), max_size=4)
    return st.builds(
        Score,
        parts=st.lists(st.builds(Part, programs), min_size=parts, max_size=parts).map(tuple),
        notes=st.lists(notes, max_size=25).map(sorted).map(tuple),
        tempos=st.floats(30, 300).map(lambda bpm: (Tempo.from_bpm(bpm),)),
        meters=meters.map(lambda changes: tuple(sorted(changes, key=lambda change: change.tick))),
    )


def _grid_notes(parts: int) -> st.SearchStrategy[Note]:
    return st.builds(
        Note,
        grid_onsets.map(Tick),
        st.integers(0, parts - 1),
        st.one_of(st.integers(58, 64), st.integers(0, 127)),
        st.integers(0, VELOCITY.size - 1).map(velocity_of),
        st.sampled_from(DURATION_STEPS).map(lambda steps: steps * TICKS_PER_STEP),
    )


def _any_notes(parts: int) -> st.SearchStrategy[Note]:
    return st.builds(
        Note,
        any_onsets.map(Tick),
        st.integers(0, parts - 1),
        st.integers(0, 127),
        st.integers(1, 127),
        st.integers(1, 12_000),
    )


part_counts = st.sampled_from([1, 2, 3, 5, 16])
grid_scores = part_counts.flatmap(lambda parts: scores(_grid_notes(parts), parts))
any_scores = part_counts.flatmap(lambda parts: scores(_any_notes(parts), parts))
