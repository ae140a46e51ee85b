"""A note is drawn at once as far as it can be, and is the note that would have been drawn token by token."""

from dataclasses import replace
from typing import get_args

import pytest

from model.engine.work import Draw, Drawn, Step
from model.tokens.vocabulary import DURATION, PART, PITCH, POSITION, VELOCITY, Block
from music.events import NoteOn
from music.time import Tick
from streaming.messages import Mode, PlayerPart, PromptNote, Start
from streaming.session import Session
from tests.chains import chain
from tests.streaming.live_set import FakeEngine, LiveSet, live_set
from tests.streaming.test_modes import steady

MACHINE = (PlayerPart(part=1, low=48, high=72), PlayerPart(part=2, program=128))
BAR_BEFORE = (PromptNote(tick=0, duration=100, part=1, pitch=60, velocity=80),)
BLOCKS = (POSITION, PART, PITCH, VELOCITY, DURATION)


class Hesitant(FakeEngine):
    """Draws one token at a time, whatever could follow."""

    def run(self, step: Step) -> Drawn:
        return super().run(replace(step, draw=replace(step.draw, then=()) if step.draw else None))


def blocks(tokens: Drawn) -> list[Block]:
    return [next(block for block in BLOCKS if token in block) for token in tokens]


def drawn_at_once(start: Start, slot: int) -> list[Drawn]:
    """By each call until one wanted that slot, when the human has just played: else the first token that may be."""
    session, found = Session(start, capacity=1024), list[Drawn]()
    session.receive(NoteOn(Tick(0), 0, 60, 80), Tick(0))

    def pick(draw: Draw) -> int:
        starts = [first for first, _ in draw.allowed]
        return PART[slot] if PART[slot] in starts else next((each for each in starts if each in POSITION), starts[0])

    while not any(PART[slot] in drawn for drawn in found):
        step = session.poll(Tick(0))
        assert step is not None
        found.append(chain(step.draw, pick))
        session.accept(found[-1], Tick(0))
    return found


def test_a_whole_note_is_drawn_at_once() -> None:
    for slot in (0, 1):
        assert blocks(drawn_at_once(Start(mode="duet", machine=MACHINE), slot)[-1]) == list(BLOCKS)


def test_behind_the_part_of_a_human_nothing_is_drawn() -> None:
    assert blocks(drawn_at_once(Start(mode="duet", machine=MACHINE), 2)[-1]) == [PART]


@pytest.mark.parametrize(
    "start", [Start(mode="duet", chords="C | G"), Start(mode="duet", repetition_guard=2, prompt=BAR_BEFORE)]
)
def test_where_the_pitch_depends_on_the_position_it_waits_for_it(start: Start) -> None:
    assert blocks(drawn_at_once(start, 0)[-1]) == [POSITION, PART]


@pytest.mark.parametrize("mode", get_args(Mode))
def test_a_set_is_the_same_whether_notes_are_drawn_at_once_or_token_by_token(mode: Mode) -> None:
    start = Start(mode=mode, machine=MACHINE, trade_bars=1, density=0.5)
    sets = [
        live_set(start, seed=4),
        LiveSet(Session(start, capacity=10**6), Hesitant(4, human=2), live_set(start).listener),
    ]
    heard = []
    for each in sets:
        each.play(steady(0, 4 * 1920), until=16 * 1920)
        heard.append(each.listener.sounded())
    assert heard[0] == heard[1]
    assert heard[0]
