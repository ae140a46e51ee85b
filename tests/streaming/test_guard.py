"""What would be one too many of the same is made unlikely, and nothing else."""

from model.engine.work import Drawn, Step
from music.time import Tick
from streaming.guard import is_repeating, worn
from streaming.messages import Control, Start
from streaming.scribe import Line
from tests.streaming.live_set import live_set
from tests.streaming.test_modes import steady

BAR = 192  # grid steps


def lines(*notes: tuple[int, int], part: int = 1) -> list[Line]:
    """(step, pitch)"""
    return [Line(Tick(step * 10), part, pitch, 80, 100) for step, pitch in notes]


def bars(count: int, *notes: tuple[int, int]) -> list[Line]:
    return [line for bar in range(count) for line in lines(*((bar * BAR + step, pitch) for step, pitch in notes))]


def test_the_strike_that_would_be_one_too_many_is_worn_and_not_the_one_before() -> None:
    struck = lines(*((48 * i, 60) for i in range(4)))
    assert worn(struck, 1, 250, BAR, 5) == {60}
    assert worn(struck, 1, 250, BAR, 6) == frozenset()


def test_a_chord_that_would_be_one_too_many_is_worn_until_it_is_another_one() -> None:
    chords = lines(*((48 * i, pitch) for i in range(4) for pitch in (60, 64, 67)))
    assert worn(chords, 1, 192, BAR, 5) == {60, 64, 67}
    assert worn(chords, 1, 192, BAR, 6) == frozenset()
    assert worn([*chords, *lines((192, 60))], 1, 192, BAR, 5) == {60, 64, 67}
    assert worn([*chords, *lines((192, 62))], 1, 192, BAR, 5) == frozenset(), "this chord differs already"
    assert worn([*chords, *lines((192, 60), (192, 65))], 1, 240, BAR, 5) == frozenset()


def test_another_pitch_between_or_another_part_wears_nothing() -> None:
    assert worn(lines((0, 60), (48, 62), (96, 60)), 1, 150, BAR, 3) == frozenset()
    assert worn(lines((0, 60), (48, 60)), 2, 150, BAR, 3) == frozenset()


def test_a_bar_that_is_about_to_repeat_once_too_often_is_worn_note_by_note() -> None:
    riff = bars(3, (0, 60), (0, 64), (96, 67))
    here = 3 * BAR
    assert worn(riff, 1, here, BAR, 4) == {60, 64}
    assert worn(riff, 1, here + 48, BAR, 4) == frozenset(), "the pattern has nothing here"
    assert worn([*riff, *lines((here, 60), (here, 64))], 1, here + 96, BAR, 4) == {67}
    assert worn([*riff, *lines((here, 60))], 1, here + 96, BAR, 4) == frozenset(), "this bar differs already"
    assert worn(riff, 1, here, BAR, 5) == frozenset()


def test_the_place_in_the_bar_matters_only_where_bars_repeat() -> None:
    riff = bars(3, (0, 60), (96, 67))
    assert is_repeating(riff, 1, 3 * BAR, BAR, 4)
    assert not is_repeating(riff, 1, 3 * BAR, BAR, 5)
    assert not is_repeating(riff, 2, 3 * BAR, BAR, 4)
    assert not is_repeating(riff, 1, 4 * BAR, BAR, 4), "an empty bar between"
    assert not is_repeating([*bars(2, (0, 60)), *lines((2 * BAR, 62))], 1, 3 * BAR, BAR, 4)


def test_the_guard_is_heard_within_a_beat_and_comes_off_again() -> None:
    played = live_set(Start(mode="duet", key="", repetition_guard=0), seed=3)
    asked: list[frozenset[int]] = []
    run = played.engine.run

    def listen(step: Step) -> Drawn:
        bias = dict(step.draw.bias) if step.draw else {}
        asked.append(frozenset(bias))
        return run(step)

    played.engine.run = listen  # type: ignore[method-assign]
    changes = [(Tick(2 * 1920), Control(repetition_guard=2)), (Tick(6 * 1920), Control(repetition_guard=0))]
    played.play([*steady(0, 10 * 1920), *changes], until=2 * 1920)
    assert not any(asked)
    asked.clear()
    played.play([*steady(2 * 1920, 6 * 1920), changes[0]], until=2 * 1920 + 480)
    assert any(asked), "the last pitch struck is worn"
    played.play([*steady(2 * 1920 + 480, 6 * 1920 + 480), changes[1]], until=6 * 1920 + 10)
    asked.clear()
    played.play(steady(6 * 1920 + 480, 8 * 1920), until=8 * 1920)
    assert not any(asked)
