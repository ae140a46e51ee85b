"""What is to be expected beside what is heard: nothing in silence, a key's notes, the tones of a chord that fits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from music.expectation import CHORDS, KEYS, Classes, expectation
from music.harmony import Key

SILENCE = (0,) * 12
TIMES = st.tuples(*[st.integers(0, 5000)] * 12)


def classes(*pitches: int) -> Classes:
    return tuple(sum(pitch % 12 == each for pitch in pitches) for each in range(12))


def scale(name: str) -> list[int]:
    return sorted(Key.parse(name).pitch_classes)


def best(expected: tuple[float, ...], count: int) -> set[int]:
    return set(sorted(range(12), key=lambda i: -expected[i])[:count])


def test_in_silence_everything_is_as_likely() -> None:
    assert expectation(SILENCE, SILENCE) == pytest.approx([0.0] * 12, abs=1e-9)


@pytest.mark.parametrize("name", ["C major", "F# major", "A minor", "Eb minor"])
def test_who_plays_in_a_key_makes_its_notes_likely(name: str) -> None:
    expected = expectation(classes(*scale(name) * 4), SILENCE)
    assert best(expected, 7) == set(scale(name))


def test_the_surer_the_key_the_more_it_says() -> None:
    once, often = (expectation(classes(*scale("D major") * times), SILENCE) for times in (1, 6))
    assert 0 > once[0] > often[0]


@pytest.mark.parametrize(
    ("sounds", "chord"),
    [
        ((65,), {5, 9, 0}),
        ((67, 71), {7, 11, 2}),
        ((69, 64, 60), {9, 0, 4}),
        ((62, 65, 69), {2, 5, 9}),
        ((60, 64), {0, 4, 7}),
    ],
)
def test_what_sounds_makes_the_rest_of_its_chord_likely(sounds: tuple[int, ...], chord: set[int]) -> None:
    expected = expectation(classes(*scale("C major") * 3), classes(*sounds))
    assert best(expected, 3) == chord


def test_another_key_is_the_same_elsewhere() -> None:
    heard, sounds = [60, 62, 64, 65, 67], [64]
    here = expectation(classes(*heard), classes(*sounds))
    there = expectation(classes(*(p + 3 for p in heard)), classes(*(p + 3 for p in sounds)))
    assert there == pytest.approx([here[(i - 3) % 12] for i in range(12)])


@given(TIMES, TIMES)
def test_whatever_is_heard_the_likelihoods_are_a_distribution(heard: Classes, now: Classes) -> None:
    shares = [2.718281828459045**each / 12 for each in expectation(heard, now)]
    assert sum(shares) == pytest.approx(1.0)
    assert min(shares) > 0


def test_each_table_is_a_distribution() -> None:
    assert len(CHORDS) == len(KEYS) == 24
    for key in KEYS:
        assert sum(key.classes) == pytest.approx(1.0)
        assert sum(key.chords) == pytest.approx(1.0)
