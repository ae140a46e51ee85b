"""Which keys are down, and when a phrase is over."""

from music.events import NoteOn
from music.time import Tick
from streaming.keys import Keys


def keys_down(*presses: tuple[int, int]) -> Keys:
    keys = Keys(longest=1000)
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
    assert keys.overdue(Tick(1099)) == []
    assert [line.pitch for line in keys.overdue(Tick(1100))] == [60]
    released = keys.release(0, 60, Tick(5000))
    assert released is not None
    assert released[1] == 1000
    assert keys.next_overdue() == 1300
