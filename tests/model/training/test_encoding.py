"""Whole arrays at once become the same tokens as note by note."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from model.tokens.codec import Encoder, Header, read_state, unison_free
from model.tokens.vocabulary import END, METERS
from model.training.encoding import bars_from, encode, on_grid
from music.score import Note
from music.time import Meter, MeterChange, MeterMap, Tick

notes = st.builds(
    Note,
    st.integers(0, 20_000).map(Tick),
    st.integers(0, 15),
    st.integers(0, 127),
    st.integers(1, 127),
    st.integers(1, 9000),
)
meters = st.lists(
    st.builds(MeterChange, st.integers(0, 12_000).map(lambda tick: Tick(tick // 10 * 10)), st.sampled_from(METERS)),
    max_size=4,
)


@given(st.lists(notes, min_size=1, max_size=40), meters, st.booleans())
def test_arrays_become_the_tokens_that_the_codec_writes(
    played: list[Note], changes: list[MeterChange], whole: bool
) -> None:
    meter_map = MeterMap(changes)
    header = Header(programs=dict.fromkeys(range(16), 0), meter=meter_map.bar_at(Tick(0)).meter).tokens()
    encoder, expected = Encoder(meter_map, read_state(header)), list(header)
    clean = unison_free(played)
    for note in clean:
        expected += encoder.note(note)
    rows = np.array([(n.onset, n.part, n.pitch, n.velocity, n.duration) for n in clean])
    bars = bars_from(meter_map, Tick(0), int(rows[-1, 0]) // 10)
    assert encode(header, rows, bars, whole=whole).tolist() == expected + [END[0]] * whole


@given(st.lists(st.builds(replace, notes, onset=st.integers(0, 60).map(Tick), pitch=st.integers(60, 61)), max_size=30))
def test_arrays_come_to_the_grid_as_notes_do(played: list[Note]) -> None:
    def rows(of: list[Note]) -> list[tuple[int, ...]]:
        return [(n.onset, n.part, n.pitch, n.velocity, n.duration) for n in of]

    gridded = on_grid(np.array(rows(played), np.int32).reshape(-1, 5))
    assert list(map(tuple, gridded.tolist())) == rows(unison_free(played))


@given(meters, st.integers(0, 30))
def test_bars_of_a_crop_are_those_of_the_piece(changes: list[MeterChange], skipped: int) -> None:
    meter_map = MeterMap(changes)
    every = bars_from(meter_map, Tick(0), 3000)
    skipped = min(skipped, len(every.starts) - 1)
    first = int(every.starts[skipped])
    rest = bars_from(meter_map, Tick(first * 10), 3000 - first)
    assert (rest.starts + first).tolist() == every.starts[skipped:].tolist()
    assert rest.meters.tolist() == every.meters[skipped:].tolist()


def test_no_notes_are_a_header() -> None:
    header = Header(programs={0: 0}, meter=Meter(3, 4)).tokens()
    bars = bars_from(MeterMap(), Tick(0), 0)
    assert encode(header, np.zeros((0, 5), np.int64), bars, whole=True).tolist() == header
