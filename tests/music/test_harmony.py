"""Names of keys and chords mean what musicians mean by them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from music.errors import BadSetting
from music.harmony import CHORDS, SCALES, Key, likeliest_key, parse_chart, parse_chord, pitches_of

C, D, E, F, G, A, B = 0, 2, 4, 5, 7, 9, 11


@pytest.mark.parametrize(
    ("name", "classes"),
    [
        ("C", {C, D, E, F, G, A, B}),
        ("A minor", {C, D, E, F, G, A, B}),
        ("F# major", {6, 8, 10, 11, 1, 3, 5}),
        ("Bb minor pentatonic", {10, 1, 3, 5, 8}),
    ],
)
def test_a_key_has_its_scale(name: str, classes: set[int]) -> None:
    assert Key.parse(name).pitch_classes == classes


@pytest.mark.parametrize(
    ("name", "classes"),
    [("C", {C, E, G}), ("Am7", {A, C, E, G}), ("G7/B", {G, B, D, F}), ("D/F#", {D, 6, A}), ("Bbmaj7", {10, D, F, A})],
)
def test_a_chord_has_its_tones(name: str, classes: set[int]) -> None:
    assert parse_chord(name) == classes


def test_every_chord_of_the_table_has_its_root_and_every_scale_its_tonic_triad() -> None:
    assert all(parse_chord(f"E{quality}") >= {E} for quality in CHORDS)
    for scale in SCALES:
        key = Key.parse(f"D {scale}")
        assert key.tonic_chord >= {D, A}
        assert key.tonic_chord & {F, 6}


def test_a_chart_has_bars_of_chords_and_an_empty_bar_goes_on_with_the_last_chord() -> None:
    am, d, g = parse_chord("Am"), parse_chord("D7"), parse_chord("G")
    assert parse_chart("| Am | D7 G | % | Am |") == ((am,), (d, g), (g,), (am,))


@pytest.mark.parametrize("text", ["H", "Cblah", "", "|", "C | D E F G A", "| ".join(["C"] * 65), "%"])
def test_what_is_no_chart_is_refused(text: str) -> None:
    with pytest.raises(BadSetting, match="expected"):
        parse_chart(text)


@pytest.mark.parametrize("text", ["", "H", "c minor", "C klingon"])
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(BadSetting, match="expected a key such as C major"):
        Key.parse(text)


@given(st.integers(0, 11), st.sampled_from(["major", "minor"]))
def test_a_scale_with_a_strong_tonic_and_fifth_is_heard_in_its_key(tonic: int, scale: str) -> None:
    key = Key(tonic, scale)
    weights = [1.0 if i in key.pitch_classes else 0.0 for i in range(12)]
    for pitch_class in key.tonic_chord:
        weights[pitch_class] += 1
    assert likeliest_key(weights) == key


def test_pitches_of_classes_lie_in_their_range() -> None:
    assert pitches_of(frozenset({C}), 50, 80) == 1 << 60 | 1 << 72
