"""Whose steps come next: sessions that say how much they hurry, and how long their steps are."""

import pytest

from model.engine.work import Draw, Step
from music.time import Nanos
from server.precedence import MOST_TOKENS, RUSHED_TURNS, Precedence, Rank
from server.seat import Job, Seat
from streaming.messages import Start
from tests.chains import linked
from tests.server.fakes import FakeSequence, ScriptedSession

NOW = Nanos(0)


class House:
    """Seats whose sessions want `steps` steps of `tokens` tokens each, and who was served in each turn."""

    def __init__(self) -> None:
        self.precedence = Precedence()
        self.seats: list[Seat] = []
        self.tokens: dict[Seat, int] = {}
        self.asked: list[Seat] = []
        self.draw: Draw | None = None

    def seat(self, rank: Rank, *, tokens: int = 1, steps: int = 1000) -> Seat:
        seat = Seat(Start(), lambda message: None, capacity=2048, inbox_messages=8)
        seat.hear_clock(0, NOW)
        assert isinstance(seat.session, ScriptedSession)
        seat.session.urgent, seat.session.pressed = rank is Rank.OWED, rank is Rank.PRESSED
        seat.session.steps = steps
        self.seats.append(seat)
        self.tokens[seat] = tokens
        return seat

    def poll(self, seat: Seat) -> Job | None:
        self.asked.append(seat)
        assert isinstance(seat.session, ScriptedSession)
        if not seat.session.steps:
            return None
        seat.session.steps -= 1
        return Job(seat, FakeSequence(0), Step(keep=0, append=(1,) * self.tokens[seat], draw=self.draw))

    def turn(self) -> list[Seat]:
        return [job.seat for job in self.precedence.choose(self.seats, NOW, self.poll)]


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setattr("server.seat.Session", ScriptedSession)
    return House()


def test_those_who_wait_for_an_answer_go_first_and_alone_then_those_whose_music_runs_out(house: House) -> None:
    calm, pressed, owed = (house.seat(rank, steps=2) for rank in (Rank.CALM, Rank.PRESSED, Rank.OWED))
    assert [house.turn() for _ in range(7)] == [[owed], [owed], [pressed], [pressed], [calm], [calm], []]


def test_who_is_not_served_is_not_asked(house: House) -> None:
    house.seat(Rank.CALM)
    owed = house.seat(Rank.OWED)
    house.turn()
    assert house.asked == [owed]


def test_nobody_starves_while_others_are_in_a_hurry(house: House) -> None:
    calm, pressed, owed = (house.seat(rank) for rank in (Rank.CALM, Rank.PRESSED, Rank.OWED))
    assert [house.turn() for _ in range(RUSHED_TURNS)] == [[owed]] * RUSHED_TURNS
    assert house.turn() == [owed, pressed, calm]
    assert house.turn() == [owed]


def test_steps_that_can_wait_are_few_at_a_time_and_all_come_in_their_turn(house: House) -> None:
    seats = [house.seat(Rank.CALM, tokens=MOST_TOKENS[Rank.CALM] // 2) for _ in range(5)]
    turns = [house.turn() for _ in range(9)]
    assert all(len(turn) == 2 for turn in turns)
    served = [sum(seat in turn for turn in turns) for seat in seats]
    assert max(served) - min(served) <= 1


def test_tokens_that_are_drawn_count_as_those_that_are_read(house: House) -> None:
    note = linked(*[Draw(allowed=((0, 9),))] * 5)
    house.draw = note
    turns = MOST_TOKENS[Rank.CALM] // 6 + 1
    assert turns > 1
    for _ in range(8):
        house.seat(Rank.CALM)
    assert len(house.turn()) == turns


def test_a_whole_house_whose_music_runs_out_shares_a_turn(house: House) -> None:
    seats = [house.seat(Rank.PRESSED) for _ in range(MOST_TOKENS[Rank.PRESSED])]
    assert house.turn() == seats
    assert house.turn() == seats
