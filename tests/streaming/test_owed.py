"""Each wish has its word and each note its review, once."""

from streaming.messages import Plan, PlannedNote
from streaming.owed import Owed

NOTE = PlannedNote(id=0, tick=0, duration=1, part=1, pitch=60, velocity=80)


def owed() -> Owed:
    found = Owed()
    found.hear(7)
    return found


def test_nothing_is_owed_to_who_said_nothing() -> None:
    assert not Owed().is_due(is_decided=True)
    assert Owed().told(None, is_decided=True) is None


def test_a_wish_has_its_word_at_once_and_once() -> None:
    each = owed()
    each.answer_wish()
    assert each.is_due(is_decided=False)
    assert each.told(None, is_decided=False) == Plan(answers_seq=7)
    assert each.told(None, is_decided=False) is None


def test_a_plan_that_goes_out_anyway_is_word_enough() -> None:
    each = owed()
    each.answer_wish()
    assert each.told(Plan(commit=(0,)), is_decided=True) == Plan(commit=(0,))
    assert each.told(None, is_decided=True) is None


def test_a_promise_alone_is_no_review_but_a_change_is() -> None:
    each = owed()
    each.review_note()
    assert each.told(Plan(commit=(0,), answers_seq=7), is_decided=False) == Plan(commit=(0,), answers_seq=7)
    changed = Plan(add=(NOTE,), answers_seq=7)
    assert each.told(changed, is_decided=False) == changed.model_copy(update={"reviewed_seq": 7})
    assert each.told(changed, is_decided=True) == changed, "once"


def test_where_nothing_changes_the_review_is_told_when_all_is_decided() -> None:
    each = owed()
    each.review_note()
    assert not each.is_due(is_decided=False)
    assert each.told(None, is_decided=False) is None
    assert each.is_due(is_decided=True)
    assert each.told(None, is_decided=True) == Plan(answers_seq=7, reviewed_seq=7)
    assert not each.is_due(is_decided=True)


def test_who_does_not_number_notes_waits_for_no_review() -> None:
    each = Owed()
    each.hear(None)
    each.review_note()
    assert each.told(None, is_decided=True) is None


def test_an_older_number_does_not_undo_a_newer_one() -> None:
    each = owed()
    each.hear(3)
    assert each.heard_seq == 7
