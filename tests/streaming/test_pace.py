"""Keeping up: down the ladder with every late note, up again with notes in time."""

from hypothesis import given
from hypothesis import strategies as st

from music.time import Tick
from streaming.messages import Start
from streaming.pace import LONGEST_LEAD, RECOVERY, SHORT_PLAN, Pace, Rung
from tests.streaming.live_set import live_set
from tests.streaming.test_modes import steady


def pace() -> Pace:
    return Pace(lead=38, commit=240, lookahead=1920)


def test_late_notes_shorten_the_plan_then_thin_it_then_rest() -> None:
    slow = pace()
    assert [(slow.missed(), slow.rung, slow.lookahead < 1920) for _ in range(3)] == [
        (False, Rung.SHORT, True),
        (False, Rung.THIN, True),
        (True, Rung.THIN, True),
    ]
    assert (slow.late, slow.rested) == (3, 1)


def test_notes_in_time_lead_back_up() -> None:
    slow = pace()
    for _ in range(3):
        slow.missed()
    for _ in range(2 * RECOVERY):
        slow.made(1000)
    assert (slow.rung, slow.lookahead) == (Rung.FULL, 1920)
    assert slow.lead == 38


def test_more_is_promised_where_the_engine_falls_behind() -> None:
    slow = pace()
    promised = [slow.commit]
    for _ in range(2):
        slow.missed()
        promised.append(slow.commit)
    for _ in range(2 * RECOVERY):
        slow.made(1000)
    assert [*promised, slow.commit] == [240, 480, 960, 240]


def test_a_session_promises_as_its_pace_says() -> None:
    played = live_set(Start(mode="duet"), ticks_per_token=40)
    played.play(steady(0, 16 * 1920), until=16 * 1920)
    ahead = [played.listener.told[id].tick - at for id, at in played.listener.committed_at.items()]
    assert played.session.late > 0
    assert max(ahead) > 120  # of an engine that keeps up a quarter of a beat


def test_notes_that_barely_made_it_are_no_recovery() -> None:
    slow = pace()
    slow.missed()
    for _ in range(5 * RECOVERY):
        slow.made(10)
    assert slow.rung is Rung.SHORT


@given(st.integers(0, 5000), st.lists(st.booleans(), max_size=30))
def test_what_is_promised_can_arrive_and_the_plan_reaches_beyond_it(round_trip: int, misses: list[bool]) -> None:
    far = pace()
    far.hear_round_trip(round_trip)
    for is_late in misses:
        if is_late:
            far.missed()
        else:
            far.made(500)
    assert far.commit >= min(round_trip, LONGEST_LEAD)
    assert far.lead >= min(round_trip, LONGEST_LEAD)
    assert far.lead <= 2 * LONGEST_LEAD
    assert far.lookahead <= 1920


def test_a_player_far_away_gets_every_note_a_round_trip_before_it_is_due() -> None:
    played = live_set(Start(mode="duet", commit_beats=0.1), seed=3)
    played.session.hear_round_trip(192)  # 200 ms
    played.play(steady(0, 8 * 1920), until=8 * 1920)
    listener = played.listener
    assert listener.committed
    assert all(listener.told[id].tick - listener.committed_at[id] >= 192 for id in listener.committed)


def test_an_engine_far_too_slow_rests_on_purpose_and_plays_nothing_late() -> None:
    played = live_set(Start(mode="duet", lookahead_beats=2), ticks_per_token=120)
    played.play(steady(0, 16 * 1920, spacing=1920), until=16 * 1920)
    assert played.session.rested > 0
    assert all(played.listener.heard_at[id] <= note.tick for id, note in played.listener.told.items())


def test_an_engine_that_keeps_up_never_rests() -> None:
    played = live_set(Start(mode="duet"), ticks_per_token=1)
    played.play(steady(0, 8 * 1920), until=8 * 1920)
    assert (played.session.late, played.session.rested) == (0, 0)


def test_where_humans_play_along_the_plan_reaches_only_as_far_as_they_have_been_quiet() -> None:
    duet = pace()
    near, full = duet.commit + duet.lead + SHORT_PLAN, duet.lookahead
    assert duet.writes_at(5_000, None) == 5_000 - full + 1

    def reach(now: int, heard: int) -> int:
        """The last tick that is still to be planned at `now`."""
        return max(to for to in range(now, now + 2 * full) if duet.writes_at(to, Tick(heard)) <= now) + 1

    assert reach(1_000, heard=1_000) - 1_000 == near
    assert reach(1_000, heard=900) - 1_000 == near + 100
    assert reach(9_000, heard=900) - 9_000 == full
