"""Each measure on notes made by hand, with the answer worked out by hand."""

from dataclasses import replace
from pathlib import Path

import pytest

from music.measures import best_scale, measure
from music.piano_roll import bar_lines, draw_piano_roll
from music.score import DRUMS, Note, Part, Score
from music.time import Meter, MeterChange, Tick

BAR = 1920


def note(onset: int, pitch: int, part: int = 0) -> Note:
    return Note(Tick(onset), part, pitch, 80, 100)


def score(*notes: Note) -> Score:
    return Score((Part(0), Part(DRUMS)), tuple(sorted(notes)), meters=(MeterChange(Tick(0), Meter()),))


def test_the_scale_is_the_one_that_holds_most_notes() -> None:
    assert best_scale([note(0, p) for p in (62, 64, 66, 67, 69, 71, 73)]) == {2, 4, 6, 7, 9, 11, 1}


def test_counts_and_shares_of_two_bars() -> None:
    music = score(note(0, 60), note(480, 62), note(600, 62), note(1000, 61), note(1920, 36, part=1))
    measures = measure(music, Tick(0), Tick(2 * BAR))
    assert measures.notes == 5
    assert measures.notes_per_bar == 2.5
    assert measures.distinct_pitches == 3
    assert measures.on_grid == pytest.approx(4 / 5)  # tick 1000 is on neither grid
    assert measures.longest_repeat == 2
    assert measures.empty_bars == 0


def test_notes_outside_a_given_scale_count_against_it() -> None:
    c_major = frozenset({0, 2, 4, 5, 7, 9, 11})
    music = score(note(0, 60), note(480, 61), note(960, 64), note(1440, 66), note(1440, 38, part=1))
    assert measure(music, Tick(0), Tick(BAR), scale=c_major).in_scale == 0.5


def test_a_bar_played_again_counts_as_repeated_and_a_rest_as_empty() -> None:
    music = score(note(0, 60), note(BAR, 60), note(2 * BAR, 62))
    measures = measure(music, Tick(0), Tick(4 * BAR))
    assert measures.repeated_bars == pytest.approx(1 / 3)
    assert measures.empty_bars == 0.25


def test_only_the_span_asked_for_is_measured() -> None:
    music = score(note(0, 60), note(BAR, 61))
    assert measure(music, Tick(BAR), Tick(2 * BAR)).distinct_pitches == 1
    assert measure(music, Tick(4 * BAR), Tick(5 * BAR)).notes == 0


def test_bar_lines_follow_the_meter() -> None:
    waltz = replace(score(note(0, 60), note(3000, 62)), meters=(MeterChange(Tick(0), Meter(3, 4)),))
    assert bar_lines(waltz) == [0, 1440, 2880]


def test_a_piano_roll_is_a_png_with_both_colours(tmp_path: Path) -> None:
    from matplotlib.image import imread

    path = tmp_path / "roll.png"
    draw_piano_roll(score(note(0, 60), note(BAR, 64), note(BAR, 36, part=1)), path, new_from=Tick(BAR))
    picture = (imread(path)[..., :3] * 255).round().astype(int).reshape(-1, 3).tolist()
    colours = {tuple(pixel) for pixel in picture}
    assert {(0x1F, 0x77, 0xB4), (0xFF, 0x9F, 0x1C)} <= colours
