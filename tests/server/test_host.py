"""The host: who is served when, who ends when something breaks. Time is moved by hand where no thread is the point."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from model.engine.work import Drawn
from music.errors import BadSetting
from music.time import Nanos, Tick
from server.host import SessionHost
from server.seat import Refused, Seat
from streaming.messages import (
    ClientHeartbeat,
    Control,
    ErrorMessage,
    Plan,
    PlayedNote,
    ServerMessage,
    Start,
)
from tests.server.fakes import MS, FakeEngine, FakeSequence, ManualClock, ScriptedSession


class House:
    """A host with a scripted session on every seat, and what each seat was sent."""

    def __init__(self, **options: Any) -> None:
        self.engine = FakeEngine()
        self.clock = ManualClock(1_000 * MS)
        self.host = SessionHost(self.engine, now=self.clock, **options)
        self.sent: dict[int, list[ServerMessage]] = {}

    def seat(self, *, heard: bool = True, **start: Any) -> Seat:
        sent: list[ServerMessage] = []
        seat = self.host.open(Start(**start), sent.append)
        self.sent[id(seat)] = sent
        if heard:
            self.host.heartbeat(seat, ClientHeartbeat(tick=0))
        return seat

    def plans(self, seat: Seat) -> list[Plan]:
        return [message for message in self.sent[id(seat)] if isinstance(message, Plan)]

    def errors(self, seat: Seat) -> list[ErrorMessage]:
        return [message for message in self.sent[id(seat)] if isinstance(message, ErrorMessage)]


@pytest.fixture
def make_house(monkeypatch: pytest.MonkeyPatch) -> Callable[..., House]:
    monkeypatch.setattr("server.seat.Session", ScriptedSession)
    return House


def script(seat: Seat) -> ScriptedSession:
    assert isinstance(seat.session, ScriptedSession)
    return seat.session


def note(tick: int = 0, *, seq: int = 1, part: int = 0) -> PlayedNote:
    return PlayedNote(seq=seq, tick=tick, part=part, pitch=60, velocity=90)


def test_a_note_is_answered_by_a_plan(make_house: Callable[..., House]) -> None:
    house = make_house()
    seat = house.seat()
    house.host.deliver(seat, note(seq=5))
    assert house.host.turn()
    (plan,) = house.plans(seat)
    assert plan.answers_seq == 5
    assert not house.host.turn()


def test_nothing_is_planned_before_the_clock_was_heard(make_house: Callable[..., House]) -> None:
    house = make_house()
    seat = house.seat(heard=False)
    house.host.deliver(seat, Control(temperature=0.5))
    assert not house.host.turn()
    assert script(seat).polls == 0
    house.host.heartbeat(seat, ClientHeartbeat(tick=0))
    assert house.host.turn()
    assert len(house.plans(seat)) == 1


def test_now_is_where_the_players_clock_has_come_to(make_house: Callable[..., House]) -> None:
    house = make_house()
    seat = house.seat(bpm=120)
    house.clock.now += 500 * MS
    house.host.deliver(seat, note(480))
    house.host.turn()
    assert house.plans(seat)[0].add[0].tick == 480 + 240
    assert house.host.tick_of(seat) == 480


def test_a_context_that_fills_is_relieved_in_idle_steps_and_the_old_sequence_is_freed(
    make_house: Callable[..., House],
) -> None:
    house = make_house()
    seat = house.seat()
    house.host.turn()
    old = seat.sequence
    assert isinstance(old, FakeSequence)
    script(seat).wants_relief, script(seat).relief_steps = True, 2
    house.host.deliver(seat, note())
    house.host.turn()
    assert house.engine.batches[-1] == [old], "what the session asks for comes first"
    while house.host.turn():
        pass
    assert seat.sequence is not old
    assert house.engine.batches[-1] == [seat.sequence]
    assert seat.relief is None
    house.host.turn()
    assert old.is_closed
    assert seat.sequence in [sequence for sequence in house.engine.sequences if not sequence.is_closed]


def test_a_session_that_is_never_idle_is_relieved_all_the_same(make_house: Callable[..., House]) -> None:
    house = make_house()
    seat = house.seat()
    house.host.turn()
    old = seat.sequence
    script(seat).steps = 100
    script(seat).wants_relief, script(seat).relief_steps = True, 4
    house.host.deliver(seat, note())
    for _ in range(10):
        assert house.host.turn()
    assert seat.sequence is not old
    assert len(script(seat).drawn) == 6


def test_who_owes_an_answer_gives_it_before_the_next_context(make_house: Callable[..., House]) -> None:
    house = make_house()
    seat = house.seat()
    house.host.turn()
    script(seat).steps, script(seat).urgent = 100, True
    script(seat).wants_relief, script(seat).relief_steps = True, 4
    house.host.deliver(seat, note())
    for _ in range(10):
        assert house.host.turn()
    assert len(script(seat).drawn) == 10


def test_without_room_for_relief_the_session_plays_on(make_house: Callable[..., House]) -> None:
    house = make_house()
    seat = house.seat()
    house.engine.places = 1
    script(seat).wants_relief, script(seat).relief_steps = True, 2
    house.host.deliver(seat, note())
    assert house.host.turn()
    assert not house.host.turn()
    assert seat.is_open


def test_the_reaction_time_runs_from_the_notes_arrival_to_its_review(
    make_house: Callable[..., House],
) -> None:
    house = make_house()
    seat = house.seat()
    script(seat).urgent = True
    script(seat).steps = 2
    house.host.deliver(seat, note())
    house.clock.now += 3 * MS
    house.host.turn()
    house.clock.now += 4 * MS
    house.host.turn()
    status = house.host.status()
    assert status.reaction_p50_ns == status.reaction_p99_ns == 7 * MS


def test_every_note_of_a_chord_has_a_reaction_of_its_own(make_house: Callable[..., House]) -> None:
    house = make_house()
    seat = house.seat()
    script(seat).steps = 0
    for _ in range(3):
        house.host.deliver(seat, note())
        house.clock.now += MS
    house.host.turn()
    status = house.host.status()
    assert (status.reaction_p50_ns, status.reaction_p99_ns) == (2 * MS, 3 * MS)


def test_tokens_per_second_forgets_what_is_long_ago(make_house: Callable[..., House]) -> None:
    house = make_house()
    seat = house.seat()
    script(seat).steps = 4
    house.host.deliver(seat, note())
    while house.host.turn():
        pass
    assert house.host.status().tokens_per_second == 2.0  # four in a window of two seconds
    house.clock.now += 3_000 * MS
    assert house.host.status().tokens_per_second == 0.0
    assert house.host.status().tokens == house.host.status().steps == 4


def test_a_heartbeat_is_answered_with_what_sounds(make_house: Callable[..., House]) -> None:
    house = make_house()
    seat = house.seat(heard=False)
    assert house.host.heartbeat(seat, ClientHeartbeat(ping_ns=3)).sounding == ()
    answer = house.host.heartbeat(seat, ClientHeartbeat(tick=10, ping_ns=4))
    assert (answer.tick, answer.ping_ns, answer.sounding) == (10, 4, (7,))


def test_a_clock_that_stands_stops_time_and_asks_for_nothing(make_house: Callable[..., House]) -> None:
    house = make_house()
    seat = house.seat(bpm=120)
    house.host.heartbeat(seat, ClientHeartbeat(tick=480, bpm=0))
    house.clock.now += 5_000 * MS
    assert house.host.tick_of(seat) == 480
    assert seat.rest_s(Nanos(house.clock.now)) is None
    house.host.deliver(seat, note(490))
    assert house.host.tick_of(seat) == 480
    house.host.heartbeat(seat, ClientHeartbeat(tick=490, bpm=60))
    house.clock.now += 1_000 * MS
    assert house.host.tick_of(seat) == 490 + 480


def test_a_heartbeat_tells_another_tempo(make_house: Callable[..., House]) -> None:
    house = make_house()
    seat = house.seat(bpm=120)
    house.host.heartbeat(seat, ClientHeartbeat(tick=0, bpm=240))
    house.clock.now += 1_000 * MS
    assert house.host.tick_of(seat) == 1_920
    twenty_seconds = 2 * 480 * 4 * 10  # at 240; more than ten at any tempo is too far
    with pytest.raises(Refused, match="10 s ahead"):
        house.host.heartbeat(seat, ClientHeartbeat(tick=1_920 + twenty_seconds))


def test_a_full_house_refuses_one_more_until_somebody_leaves(make_house: Callable[..., House]) -> None:
    house = make_house(max_sessions=1)
    seat = house.seat()
    with pytest.raises(Refused, match="expected fewer than 1 players") as refusal:
        house.seat()
    assert (refusal.value.code, refusal.value.fatal) == ("full", True)
    house.host.close(seat)
    assert house.seat().is_open


def test_beginning_anew_needs_no_second_place(make_house: Callable[..., House]) -> None:
    house = make_house(max_sessions=1)
    first = house.seat()
    second = house.host.open(Start(), lambda _: None, instead_of=first)
    assert (first.is_open, second.is_open) == (False, True)
    assert house.host.status().sessions == 1


def test_a_start_that_makes_no_sense_takes_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(max_sessions=1)  # with real sessions
    first = house.seat()
    with pytest.raises(BadSetting, match="expected a meter"):
        house.host.open(Start(meter="4/5"), lambda _: None, instead_of=first)
    assert first.is_open


def test_closing_frees_the_sequence_once(make_house: Callable[..., House]) -> None:
    house = make_house()
    seat = house.seat()
    house.host.turn()
    house.host.close(seat)
    house.host.close(seat)
    house.host.turn()
    assert [sequence.is_closed for sequence in house.engine.sequences] == [True]


def test_a_session_that_left_while_the_engine_computed_gets_no_token(make_house: Callable[..., House]) -> None:
    house = make_house()
    seat = house.seat()
    house.host.deliver(seat, note())
    run = house.engine.run

    def leave_meanwhile(work: Any) -> list[Drawn]:
        house.host.close(seat)
        return run(work)

    house.engine.run = leave_meanwhile  # type: ignore[method-assign]
    assert house.host.turn()
    assert script(seat).drawn == []
    assert house.sent[id(seat)] == []


def test_a_full_inbox_ends_the_session_that_floods(make_house: Callable[..., House]) -> None:
    house = make_house(inbox_messages=8)
    seat = house.seat()
    for _ in range(8):
        house.host.deliver(seat, note())
    with pytest.raises(Refused, match="at most 8 messages") as refusal:
        house.host.deliver(seat, note())
    assert refusal.value.fatal


def test_a_tick_far_ahead_is_refused_and_moves_no_clock(make_house: Callable[..., House]) -> None:
    house = make_house()
    seat = house.seat(bpm=120)
    ten_seconds = 480 * 2 * 10
    for message in (note(ten_seconds + 1), PlayedNote(tick=2**39, pitch=60)):
        with pytest.raises(Refused, match="10 s ahead"):
            house.host.deliver(seat, message)
    with pytest.raises(Refused, match="10 s ahead"):
        house.host.heartbeat(seat, ClientHeartbeat(tick=ten_seconds + 1))
    assert house.host.tick_of(seat) == 0


@pytest.mark.parametrize("tick", [20 * 1920, 2**39])
def test_a_player_may_begin_at_any_bar(make_house: Callable[..., House], tick: int) -> None:
    house = make_house()
    seat = house.seat(heard=False)
    house.host.deliver(seat, note(tick))
    assert house.host.tick_of(seat) == tick


def test_a_part_that_no_human_plays_is_refused(make_house: Callable[..., House]) -> None:
    house = make_house()
    with pytest.raises(Refused, match=r"among \[0\], got 1"):
        house.host.deliver(house.seat(), note(part=1))


def test_a_session_that_raises_ends_alone(make_house: Callable[..., House]) -> None:
    house = make_house()
    broken, sound = house.seat(), house.seat()
    script(broken).fails = True
    house.host.deliver(sound, note())
    house.host.turn()
    (error,) = house.errors(broken)
    assert (error.code, error.fatal, error.reason) == ("session_failed", True, "expected music, got noise")
    assert (broken.is_open, sound.is_open) == (False, True)
    assert len(house.plans(sound)) == 1


def test_a_session_that_asks_the_engine_for_nonsense_ends_alone(make_house: Callable[..., House]) -> None:
    house = make_house()
    confused, sound = house.seat(), house.seat()
    script(confused).keep = 99
    for seat in (confused, sound):
        house.host.deliver(seat, note())
    house.host.turn()
    assert [error.reason for error in house.errors(confused)] == ["expected to keep less, got more"]
    assert (confused.is_open, sound.is_open) == (False, True)
    assert len(house.plans(sound)) == 1


def test_a_session_for_which_the_engine_has_no_room_ends_alone(make_house: Callable[..., House]) -> None:
    house = make_house()
    house.engine.places = 1
    first, second = house.seat(), house.seat()
    house.host.deliver(first, note())
    house.host.turn()
    assert (first.is_open, second.is_open) == (True, False)
    assert [error.code for error in house.errors(second)] == ["session_failed"]
    assert len(house.plans(first)) == 1


def test_a_session_rests_until_its_next_wake(make_house: Callable[..., House]) -> None:
    house = make_house()
    seat = house.seat(bpm=120)
    assert seat.rest_s(house.clock()) is None
    script(seat).wake = Tick(480)
    assert seat.rest_s(house.clock()) == pytest.approx(0.5)
    script(seat).wake = Tick(0)
    assert seat.rest_s(house.clock()) > 0  # type: ignore[operator]


# ---- with the thread ----------------------------------------------------------------------------------


@pytest.fixture
def live_house(make_house: Callable[..., House]) -> Any:
    house = make_house()
    house.host.start()
    yield house
    house.host.stop()
    assert "engine" not in {thread.name for thread in threading.enumerate()}


def test_the_thread_wakes_for_news_and_sleeps_otherwise(live_house: House) -> None:
    seat = live_house.seat()
    live_house.host.deliver(seat, note())
    assert script(seat).has_heard.wait(5)
    time.sleep(0.1)  # the thread must not spin meanwhile, and only real time can show it
    assert len(live_house.plans(seat)) == 1
    assert script(seat).polls < 10


def test_a_session_that_wants_to_be_woken_in_the_past_cannot_make_the_thread_spin(live_house: House) -> None:
    seat = live_house.seat()
    script(seat).wake = Tick(0)
    live_house.host.deliver(seat, note())
    assert script(seat).has_heard.wait(5)
    before = script(seat).polls
    time.sleep(0.1)
    assert script(seat).polls - before <= 101


def test_a_broken_engine_is_told_to_everybody_and_refuses_the_next(make_house: Callable[..., House]) -> None:
    house = make_house()
    told = threading.Event()
    errors: list[ServerMessage] = []

    def emit(message: ServerMessage) -> None:
        errors.append(message)
        told.set()

    seat = house.host.open(Start(), emit)
    house.engine.breaks = True
    house.host.start()
    house.host.deliver(seat, note())
    assert told.wait(5)
    house.host.stop()
    assert [error.model_dump(include={"code", "fatal"}) for error in errors] == [
        {"code": "engine_failed", "fatal": True}
    ]
    assert house.host.status().failure == "the engine failed: out of memory"
    with pytest.raises(Refused, match="out of memory"):
        house.seat()


def test_stopping_frees_every_sequence(make_house: Callable[..., House]) -> None:
    house = make_house()
    house.host.start()
    seat = house.seat()
    house.host.deliver(seat, note())
    assert script(seat).has_heard.wait(5)
    house.host.stop()
    assert [sequence.is_closed for sequence in house.engine.sequences] == [True]


def test_what_a_plan_tells_is_counted_with_the_time_that_was_left(make_house: Callable[..., House]) -> None:
    house = make_house()
    seat = house.seat(bpm=120)
    house.clock.now += 500 * MS
    house.host.deliver(seat, note(480))
    house.host.turn()
    counts = house.host.counts()
    assert (counts.planned, counts.committed, counts.cancelled) == (1, 1, 0)
    assert counts.margin.total == 250 * MS, "half a beat ahead"
    assert (counts.appended, counts.tokens) == (2, 1)
    assert (counts.decode.seen, counts.prefill.seen, counts.batch_size.total) == (0, 1, 1)


def test_notes_that_came_too_late_still_count_when_their_session_is_over(make_house: Callable[..., House]) -> None:
    house = make_house()
    first, second = house.seat(), house.seat()
    script(first).late, script(first).rested, script(second).late = 3, 2, 4
    assert (house.host.health().late, house.host.health().rested) == (7, 2)
    house.host.close(first)
    house.host.close(first)
    assert (house.host.health().late, house.host.health().rested, house.host.health().sessions) == (7, 2, 1)
