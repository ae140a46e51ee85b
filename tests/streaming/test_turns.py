"""When the machine may play."""

import pytest

from music.events import NoteOn
from music.time import Tick
from streaming.keys import Keys
from streaming.messages import Mode, Start
from streaming.settings import Settings
from streaming.turns import FOREVER, Turn, after_note, as_held, closing, due_at, given

ANSWER = Settings.of(Start(mode="answer", silence_ms=500, answer_bars=3))
DUET = Settings.of(Start(mode="duet"))


def played(start: int, end: int) -> Keys:
    keys = Keys(longest=100_000, chord=0)
    keys.press(NoteOn(Tick(start), 0, 60, 80), Tick(start))
    keys.release(0, 60, Tick(end))
    return keys


def test_a_human_note_ends_an_answer_and_carries_a_duet_on() -> None:
    turn = Turn(end=Tick(1000))
    assert after_note(turn, Tick(500), ANSWER, is_silent=True) is None
    carried = after_note(turn, Tick(500), DUET, is_silent=True)
    assert carried is not None
    assert carried.end == 500 + 8 * 1920


@pytest.mark.parametrize("mode", ["accompany", "duet"])
def test_who_plays_along_and_is_silent_owes_a_note_within_a_bar(mode: Mode) -> None:
    settings = Settings.of(Start(mode=mode))
    silent = after_note(None, Tick(100), settings, is_silent=True)
    playing = after_note(silent, Tick(200), settings, is_silent=False)
    assert silent is not None
    assert playing is not None
    assert (silent.opens_by, playing.opens_by) == (100 + 1920, None)


def test_a_note_heard_late_makes_no_duet_shorter() -> None:
    turn = Turn(end=Tick(50_000))
    carried = after_note(turn, Tick(10), DUET, is_silent=True)
    assert carried is not None
    assert carried.end == 50_000


def test_an_answer_is_due_after_the_silence_and_never_in_a_duet() -> None:
    assert due_at(played(0, 100), ANSWER, None) == 100 + 480
    assert due_at(played(0, 100), DUET, None) is None
    assert due_at(Keys(longest=10, chord=0), ANSWER, None) is None


@pytest.mark.parametrize(("length", "bars"), [(1, 1), (1920, 1), (1921, 2), (20_000, 3)])
def test_an_answer_has_as_many_bars_as_its_phrase_within_the_limit(length: int, bars: int) -> None:
    keys = played(700, 700 + length)
    turn = given(keys, Tick(30_000), ANSWER)
    assert turn.end == 30_000 + ANSWER.lead + bars * 1920
    assert turn.opens_by is not None


def test_an_answer_may_wait_for_the_bar_line() -> None:
    settings = Settings.of(Start(mode="answer", answer_on_bar=True))
    turn = given(played(0, 100), Tick(2000), settings)
    assert (turn.begin, turn.end) == (2 * 1920, 3 * 1920)


@pytest.mark.parametrize(
    ("count_in", "played_at", "begin"), [(0, 0, 2), (0, 1.9, 2), (0, 2.5, 2), (0, 4, 6), (1, 1, 3)]
)
def test_a_trade_is_of_whole_bars_the_human_first(count_in: int, played_at: float, begin: int) -> None:
    settings = Settings.of(Start(mode="trade", trade_bars=2, count_in_bars=count_in, lookahead_beats=4))
    keys = played(round(played_at * 1920), round(played_at * 1920) + 50)
    turn = given(keys, Tick(0), settings)
    assert (turn.begin, turn.end) == (begin * 1920, (begin + 2) * 1920)
    assert due_at(keys, settings, None) == (begin - 1) * 1920
    assert due_at(keys, settings, turn) is None, "each turn is given once"


def test_a_key_that_only_starts_the_count_in_is_not_traded_for() -> None:
    settings = Settings.of(Start(mode="trade", count_in_bars=2))
    assert due_at(played(0, 50), settings, None) is None


def test_a_continuation_is_given_once_and_ends_never() -> None:
    settings = Settings.of(Start(mode="continue"))
    keys = Keys(longest=10, chord=0)
    assert due_at(keys, settings, None) == 0
    turn = given(keys, Tick(0), settings)
    assert turn.end == FOREVER
    assert due_at(keys, settings, turn) is None


def test_an_accompanist_plays_while_a_key_is_down_and_to_the_end_of_the_next_bar() -> None:
    settings = Settings.of(Start(mode="accompany"))
    keys = Keys(longest=100_000, chord=0)
    keys.press(NoteOn(Tick(0), 0, 60, 80), Tick(0))
    turn = after_note(None, Tick(0), settings, is_silent=True)
    assert turn is not None
    assert as_held(turn, keys, settings).end == FOREVER
    keys.release(0, 60, Tick(2000))
    assert as_held(turn, keys, settings).end == 3 * 1920


@pytest.mark.parametrize("now", [0, 1, 1300, 1919, 1920, 3000])
def test_a_close_is_at_a_bar_line_within_two_bars_and_leaves_a_beat_to_get_there(now: int) -> None:
    turn = closing(Tick(now), DUET)
    assert turn.close is not None
    assert turn.close % 1920 == 0
    assert now + 480 <= turn.close <= now + 2 * 1920
    assert turn.stops == turn.close + 10
    assert turn.end == turn.close + 1920
