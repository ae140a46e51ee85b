"""The machine's plan: every note lives by the table, and the player hears of each change once."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from music.score import Note
from music.time import Tick
from streaming.messages import Plan
from streaming.plan import NEXT, Life, LivePlan, Planned

COMMIT = 100


def note(onset: int, duration: int = 50, pitch: int = 60) -> Note:
    return Note(Tick(onset), 1, pitch, 80, duration)


def plan_of(*notes: Note) -> LivePlan:
    plan = LivePlan(COMMIT)
    for each in notes:
        plan.add(each)
    return plan


def told(plan: LivePlan, now: int) -> Plan:
    assert plan.advance(Tick(now)) == []
    message = plan.take(None)
    assert message is not None
    return message


@pytest.mark.parametrize(("before", "after"), [*itertools.product(Life, Life)])
def test_a_life_goes_only_where_the_table_says(before: Life, after: Life) -> None:
    planned = Planned(0, note(0), before)
    if after in NEXT[before]:
        planned.become(after)
        assert planned.life is after
    else:
        with pytest.raises(AssertionError):
            planned.become(after)


def test_from_every_state_life_comes_to_an_end() -> None:
    assert {life for life, following in NEXT.items() if not following} == {Life.DONE, Life.CANCELLED}


def test_a_note_is_told_then_committed_then_sounds_then_is_gone() -> None:
    plan = plan_of(note(1000))
    first = told(plan, 0)
    assert [(n.id, n.tick, n.duration, n.part, n.pitch, n.velocity) for n in first.add] == [(0, 1000, 50, 1, 60, 80)]
    assert first.commit == ()
    assert plan.next_change(Tick(0)) == 900
    assert plan.advance(Tick(899)) == []
    assert plan.take(None) is None
    assert told(plan, 900).commit == (0,)
    assert [plan.sounding(Tick(t)) for t in (999, 1000, 1049, 1050)] == [(), (0,), (0,), ()]
    plan.advance(Tick(1050))
    assert plan.next_change(Tick(1050)) is None
    assert plan.silence(Tick(1050)) == ([], [])


def test_a_near_note_is_told_and_committed_at_once() -> None:
    message = told(plan_of(note(50)), 0)
    assert ([n.id for n in message.add], message.commit) == ([0], (0,))


def test_a_note_that_came_and_went_between_two_calls_is_never_told() -> None:
    plan = plan_of(note(1000))
    plan.cancel_tentative(Tick(0))
    assert plan.take(None) is None


def test_only_tentative_notes_from_there_on_are_taken_back() -> None:
    plan = plan_of(note(50), note(500), note(1000))
    told(plan, 0)
    assert plan.cancel_tentative(Tick(600)) == [note(1000)]
    assert plan.cancel_tentative(Tick(0)) == [note(500)]
    assert told(plan, 0).cancel == (2, 1)


def test_a_note_whose_moment_passed_before_it_was_promised_is_taken_back() -> None:
    plan = plan_of(note(1000), note(1001))
    told(plan, 0)
    assert plan.advance(Tick(1001)) == [note(1000)]
    message = plan.take(3)
    assert message is not None
    assert (message.cancel, message.commit, message.answers_seq) == ((0,), (1,), 3)


def test_a_silence_ends_all_and_says_what_was_cut() -> None:
    plan = plan_of(note(0, 300), note(80), note(500))
    told(plan, 0)  # the first sounds, the second is promised, the third is not
    cancelled, cut = plan.silence(Tick(60))
    assert cancelled == [note(80), note(500)]
    assert cut == [note(0, 60)]
    message = told(plan, 60)
    assert message.silence
    assert message.cancel == (1, 2)
    assert plan.sounding(Tick(60)) == ()


def test_a_note_that_would_begin_at_the_silence_does_not_sound() -> None:
    plan = plan_of(note(60))
    told(plan, 0)
    plan.advance(Tick(60))
    assert plan.silence(Tick(60)) == ([note(60)], [])
    assert told(plan, 60).cancel == (0,)


def test_a_new_note_shortens_tentative_ones_on_its_key_and_no_others() -> None:
    plan = plan_of(note(0, 900), note(400, 900), note(400, 900, pitch=61), note(400, 20))
    told(plan, 0)  # the first is promised
    assert plan.shorten(1, 60, Tick(600)) == [note(400, 200)]
    message = told(plan, 0)
    assert message.cancel == (1,)
    assert [(n.tick, n.duration) for n in message.add] == [(400, 200)]


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 400), st.booleans()), max_size=40))
def test_every_told_note_is_committed_or_cancelled_exactly_once(moves: list[tuple[int, int, bool]]) -> None:
    plan, now, messages = LivePlan(COMMIT), 0, []
    for wait, ahead, is_taking_back in moves:
        now += wait
        if is_taking_back:
            plan.cancel_tentative(Tick(now + ahead))
        else:
            plan.add(note(now + ahead))
        plan.advance(Tick(now))
        messages.append(plan.take(None))
    for tick in range(now, now + 1000, 50):
        plan.advance(Tick(tick))
        messages.append(plan.take(None))
    ids = [n.id for message in messages if message for n in message.add]
    ends = [id for message in messages if message for id in (*message.commit, *message.cancel)]
    assert sorted(ends) == sorted(ids)
