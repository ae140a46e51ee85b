"""Moments that are left to the humans."""

import pytest

from model.engine.work import Draw, Drawn, Step
from model.tokens.vocabulary import PART, POSITION
from music.events import NoteOn
from music.time import Tick
from streaming.messages import Mode, Start
from streaming.room import Room
from streaming.session import Session
from tests.chains import chain

BAR = 1920


def test_what_was_left_is_decided_anew_when_a_human_is_heard() -> None:
    room = Room()
    room.leave(40)
    room.leave(60)
    assert (room.left_to, room.throws) == (61, 2)
    room.hear(Tick(500))
    assert (room.left_to, room.throws) == (0, 0)


def test_there_is_room_for_those_who_have_played_in_the_last_two_bars() -> None:
    room = Room()
    assert not room.is_shared(Tick(0), BAR)
    room.hear(Tick(100))
    assert room.is_shared(Tick(100 + 2 * BAR), BAR)
    assert not room.is_shared(Tick(101 + 2 * BAR), BAR)


HUMAN = 1  # behind the machine's slot


class Leaver:
    """An engine that always says that the human plays next, where it may, and else takes the first token allowed."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.left: list[int] = []  # positions
        self.throws: list[int] = []
        self._position = 0

    def step(self, now: int) -> Step | None:
        asked = self.session.poll(Tick(now))
        if asked is not None:
            self.session.accept(self._draw(asked), Tick(now))
        return asked

    def _draw(self, asked: Step) -> Drawn:
        return chain(asked.draw, self._token)

    def _token(self, draw: Draw) -> int:
        starts = [start for start, _ in draw.allowed]
        if PART[HUMAN] in starts:
            self.left.append(self._position)
            return PART[HUMAN]
        positions = [start for start in starts if start in POSITION]
        if positions:
            self._position = positions[0] - POSITION.start
            self.throws.append(draw.throw)
            return positions[0]
        return starts[0]


def heard(mode: Mode) -> tuple[Session, Leaver]:
    session = Session(Start(mode=mode, lookahead_beats=1), capacity=1024)
    session.receive(NoteOn(Tick(0), 0, 60, 80), Tick(0))
    return session, Leaver(session)


def test_a_moment_of_the_humans_is_left_and_a_later_one_drawn_with_other_dice() -> None:
    session, engine = heard("duet")
    while engine.step(0) is not None:
        pass
    assert len(engine.left) > 10
    assert engine.left == sorted(set(engine.left))
    _, *throws = engine.throws  # the first is for the note that is owed
    assert throws == sorted(set(throws))
    plan = session.take_plan(Tick(0))
    assert plan is not None
    assert len(plan.add) == 1, "the first note is owed"


@pytest.mark.parametrize("mode", ["answer", "trade"])
def test_in_its_own_turn_the_machine_leaves_nothing(mode: Mode) -> None:
    session, engine = heard(mode)
    for now in range(0, 3 * BAR, 40):
        while engine.step(now) is not None:
            pass
        session.take_plan(Tick(now))
    assert not engine.left


def test_who_has_stopped_playing_is_left_no_room() -> None:
    session, engine = heard("duet")
    for now in range(0, 4 * BAR, 40):
        while engine.step(now) is not None:
            pass
        session.take_plan(Tick(now))
        if now == 3 * BAR:
            engine.left.clear()
    assert not engine.left


@pytest.mark.parametrize("mode", ["accompany", "duet"])
def test_a_first_note_that_is_owed_is_the_machines(mode: Mode) -> None:
    session, engine = heard(mode)
    while engine.step(0) is not None:
        pass
    plan = session.take_plan(Tick(0))
    assert plan is not None
    assert plan.add
    assert plan.add[0].tick <= BAR
