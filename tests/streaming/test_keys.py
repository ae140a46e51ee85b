"""Which keys are down, and when a phrase is over."""

from music.events import NoteOn
from music.time import Tick
from streaming.keys import Keys


def keys_down(*presses: tuple[int, int]) -> Keys:
    keys = Keys(longest=1000, chord=14)
    for tick, pitch in presses:
        keys.press(NoteOn(Tick(tick), 0, pitch, 80), Tick(tick))
    return keys


def test_a_phrase_is_over_when_the_last_key_is_up() -> None:
    keys = keys_down((0, 60), (10, 64))
    assert keys.phrase_end is None
    ends: list[Tick | None] = []
    for pitch, tick in ((64, 90), (60, 50)):
        keys.release(0, pitch, Tick(tick))
        ends.append(keys.phrase_end)
    assert ends == [None, 90]
    assert keys.phrase_start == 0


def test_nothing_waits_for_an_answer_before_the_first_note_or_after_it_is_answered() -> None:
    keys = keys_down()
    assert keys.phrase_end is None
    keys = keys_down((0, 60))
    keys.release(0, 60, Tick(50))
    keys.phrase_start = None
    assert keys.phrase_end is None


def test_a_key_is_released_once_and_lasts_at_least_a_tick() -> None:
    keys = keys_down((100, 60))
    released = keys.release(0, 60, Tick(90))
    assert released is not None
    assert released[1] == 1
    assert keys.release(0, 60, Tick(95)) is None


def test_a_key_down_for_too_long_is_overdue_and_its_note_no_longer_than_that() -> None:
    keys = keys_down((100, 60), (300, 62))
    assert keys.next_overdue() == 1100
    assert keys.release_stuck(Tick(1099)) == []
    assert [(line.pitch, length) for line, length in keys.release_stuck(Tick(1100))] == [(60, 1000)]
    assert keys.next_overdue() == 1300


def test_what_is_told_late_of_a_key_that_was_down_for_too_long_changes_nothing() -> None:
    keys = keys_down((100, 60))
    ended, begun = keys.hear(NoteOn(Tick(1050), 0, 60, 80), Tick(1050), now=Tick(1100))
    assert [length for _, length in ended] == [1000]
    assert begun is not None


def test_keys_that_go_down_together_are_one_onset_to_the_network_and_keep_their_own_ticks() -> None:
    keys = Keys(longest=1000, chord=14)
    lines = [keys.press(NoteOn(Tick(t), 0, 60 + i, 80), Tick(t)) for i, t in enumerate((100, 112, 114, 115, 129))]
    assert [line.onset for line in lines] == [100, 112, 114, 115, 129]
    assert [line.step for line in lines] == [10, 10, 10, 12, 12]


def test_chords_of_two_players_are_two() -> None:
    keys = Keys(longest=1000, chord=14)
    lines = [keys.press(NoteOn(Tick(t), part, 60, 80), Tick(t)) for part, t in ((0, 100), (1, 112))]
    assert [line.step for line in lines] == [10, 11]


def test_a_pedal_holds_notes_until_it_comes_up() -> None:
    keys = keys_down((0, 60), (20, 64))
    keys.pedal(0, True, Tick(50))
    assert keys.lift(0, 60, Tick(100)) is None
    assert keys.phrase_end is None
    released = keys.pedal(0, False, Tick(300))
    assert [(line.pitch, duration) for line, duration in released] == [(60, 300)]
    assert keys.lift(0, 64, Tick(400)) is not None, "this key was still down"


def test_a_key_struck_again_under_the_pedal_ends_its_older_note() -> None:
    keys = keys_down((0, 60))
    keys.pedal(0, True, Tick(10))
    keys.lift(0, 60, Tick(20))
    released = keys.release(0, 60, Tick(200))
    assert released is not None
    assert released[1] == 200
    keys.press(NoteOn(Tick(200), 0, 60, 80), Tick(200))
    assert keys.pedal(0, False, Tick(250)) == [], "the newer note's key is down"


def test_the_pedal_of_one_part_holds_no_notes_of_another() -> None:
    keys = keys_down((0, 60))
    keys.pedal(1, True, Tick(0))
    assert keys.lift(0, 60, Tick(30)) is not None
