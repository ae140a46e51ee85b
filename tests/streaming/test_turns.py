"""When the machine may play."""

import pytest

from music.events import NoteOn
from music.time import Tick
from streaming.keys import Keys
from streaming.messages import Start
from streaming.settings import Settings
from streaming.turns import Turn, after_note, answer, answer_due

ANSWER = Settings.of(Start(mode="answer", silence_ms=500, answer_bars=3))
DUET = Settings.of(Start(mode="duet"))


def played(start: int, end: int) -> Keys:
    keys = Keys(longest=100_000)
    keys.press(NoteOn(Tick(start), 0, 60, 80), Tick(start))
    keys.release(0, 60, Tick(end))
    return keys


def test_a_human_note_ends_an_answer_and_carries_a_duet_on() -> None:
    turn = Turn(Tick(1000), is_opened=True, opens_by=Tick(0))
    assert after_note(turn, Tick(500), ANSWER) is None
    carried = after_note(turn, Tick(500), DUET)
    assert carried is not None
    assert carried.end == 500 + 8 * 1920


def test_a_note_heard_late_makes_no_duet_shorter() -> None:
    turn = Turn(Tick(50_000), is_opened=True, opens_by=Tick(0))
    carried = after_note(turn, Tick(10), DUET)
    assert carried is not None
    assert carried.end == 50_000


def test_an_answer_is_due_after_the_silence_and_never_in_a_duet() -> None:
    assert answer_due(played(0, 100), ANSWER) == 100 + 480
    assert answer_due(played(0, 100), DUET) is None
    assert answer_due(Keys(longest=10), ANSWER) is None


@pytest.mark.parametrize(("length", "bars"), [(1, 1), (1920, 1), (1921, 2), (20_000, 3)])
def test_an_answer_has_as_many_bars_as_its_phrase_within_the_limit(length: int, bars: int) -> None:
    keys = played(700, 700 + length)
    turn = answer(keys, Tick(30_000), ANSWER)
    assert turn.end == 30_000 + ANSWER.lead + bars * 1920
    assert not turn.is_opened
    assert answer_due(keys, ANSWER) is None, "a phrase is answered once"
