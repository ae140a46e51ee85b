"""What the players ask for, the machine's notes keep."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest

from model.engine.work import Draw
from model.tokens.grammar import State
from model.tokens.vocabulary import BAR, PART, PITCH, POSITION
from music.events import NoteOff, NoteOn
from music.harmony import Key, parse_chart, parse_chord
from music.score import Note
from music.time import Tick
from streaming.choices import MOST_AT_ONCE
from streaming.messages import Control, PlayerPart, Start
from streaming.session import Session
from streaming.taste import Place, Taste, bias, chord_at, pitches, velocity_bias
from tests.chains import chain, draws_of
from tests.streaming.live_set import FakeEngine, live_set
from tests.streaming.test_modes import steady

MEASURE = 1920
MACHINE = (PlayerPart(part=1, low=48, high=72), PlayerPart(part=2, program=128))
PLACE = Place(bar=0, position=0, bar_length=192)
IN_BAR = State(last=BAR, bars=1, header_parts=2, bar_start=0, part=1)


def heard(start: Start, changes: dict[int, Control] | None = None, bars: int = 6) -> list[Note]:
    played = live_set(start, seed=9)
    events = [(Tick(at), control) for at, control in (changes or {}).items()]
    played.play([*steady(0, bars * MEASURE), *events], until=bars * MEASURE)
    return played.listener.sounded()


def test_a_locked_key_and_a_range_hold_for_every_pitched_note_and_no_drum() -> None:
    notes = heard(Start(mode="duet", key="Bb minor", machine=MACHINE))
    pitched = [note.pitch for note in notes if note.part == 1]
    assert len(pitched) > 5
    assert {pitch % 12 for pitch in pitched} <= Key.parse("Bb minor").pitch_classes
    assert all(48 <= pitch <= 72 for pitch in pitched)
    assert any(note.pitch < 48 or note.pitch > 72 for note in notes if note.part == 2)


def test_typed_chords_hold_on_every_beat_bar_by_bar() -> None:
    chart = "C | F#m7 B7"
    notes = heard(Start(mode="duet", chords=chart), bars=160)
    on_beat = [note for note in notes if note.onset % 480 == 0]
    bars = parse_chart(chart)
    for note in on_beat:
        bar = bars[note.onset // MEASURE % 2]
        assert note.pitch % 12 in bar[note.onset % MEASURE * len(bar) // MEASURE]
    assert on_beat


@pytest.mark.parametrize(
    "change", [Control(key="F# major"), Control(mute=(1,)), Control(machine=(PlayerPart(part=3),))]
)
def test_a_control_is_heard_within_a_beat(change: Control) -> None:
    played = live_set(Start(mode="duet", key="C"), seed=9)
    played.listener.machine |= {3}
    at = 4 * MEASURE + 100
    played.play([*steady(0, 8 * MEASURE), (Tick(at), change)], until=8 * MEASURE)
    for note in played.listener.sounded():
        if note.onset > at + 480:
            assert note.part not in (change.mute or ())
            assert change.key is None or note.pitch % 12 in Key.parse(change.key).pitch_classes
            assert change.machine is None or note.part == 3


def test_a_control_that_changes_nothing_is_answered_too() -> None:
    session = Session(Start(), capacity=1024)
    session.poll(Tick(0))
    session.receive(Control(density=0.0), Tick(0), seq=5)
    plan = session.take_plan(Tick(0))
    assert plan is not None
    assert (plan.add, plan.commit, plan.cancel, plan.answers_seq) == ((), (), (), 5)
    assert session.take_plan(Tick(0)) is None


def test_a_knob_that_is_turned_back_leaves_no_trace() -> None:
    before = Taste.of(Start(key="C", chords="C | G", density=0.5))
    there = before.changed(Control(key="", chords="follow", density=0.0, dynamics=1.0, mute=(1, 2)))
    assert (there.key, there.chart, there.is_following, there.muted) == (None, (), True, 0b110)
    assert there.changed(Control(key="C", chords="C | G", density=0.5, dynamics=0.0, mute=())) == before


def test_a_chord_out_of_range_leaves_the_range() -> None:
    taste = Taste.of(Start(chords="C", machine=(PlayerPart(part=1, low=61, high=62),)))
    assert pitches(taste, PLACE)[1] == 1 << 61 | 1 << 62


def test_between_beats_a_chord_may_pass_through_its_key() -> None:
    taste = Taste.of(Start(chords="A7", key="D minor"))
    off_beat = Place(bar=0, position=7, bar_length=192)
    classes = {pitch % 12 for pitch in range(128) if pitches(taste, off_beat)[1] >> pitch & 1}
    assert classes == Key.parse("D minor").pitch_classes | parse_chord("A7")


def test_chords_are_followed_from_the_human() -> None:
    taste = Taste.of(Start(chords="follow"))
    place = Place(bar=0, position=0, bar_length=192, is_tuned=True, heard=frozenset({0, 4, 7}))
    assert chord_at(taste, place) == frozenset({0, 4, 7})
    state = State(last=POSITION, bars=1, header_parts=2, part=1)
    offsets = dict(bias(taste, place, state, ((PITCH.start, PITCH.stop),)))
    assert {token - PITCH.start for token in offsets} == {p for p in range(128) if p % 12 in (0, 4, 7)}
    assert all(offset > 0 for offset in offsets.values())


def test_the_key_that_the_human_plays_in_is_leaned_to_where_none_is_asked_for() -> None:
    d_major = tuple(8 * (pitch_class in Key.parse("D major").pitch_classes) for pitch_class in range(12))
    place = PLACE._replace(is_tuned=True, leans=(d_major, (0,) * 12))
    state = State(last=PART, bars=1, header_parts=2, part=1)
    taste = Taste.of(Start())
    offsets = dict(bias(taste, place, state, ((PITCH.start, PITCH.stop),)))
    inside = [offset for token, offset in offsets.items() if (token - PITCH.start) % 12 in (2, 4, 6, 7, 9, 11, 1)]
    outside = [offset for token, offset in offsets.items() if (token - PITCH.start) % 12 in (0, 3, 5, 8, 10)]
    assert min(inside) > max(outside)
    assert taste.changed(Control(key="")).is_leaning is False
    assert taste.changed(Control(key="C")).is_leaning is False


@pytest.mark.parametrize(("start", "leans"), [(Start(mode="duet"), True), (Start(mode="duet", key=""), False)])
def test_what_the_humans_have_played_is_leaned_to(start: Start, leans: bool) -> None:
    session, offsets = Session(start, capacity=1024), dict[int, float]()
    for tick, pitch in enumerate((62, 66, 69, 74) * 4):
        session.receive(NoteOn(Tick(tick), 0, pitch, 80), Tick(tick))
    while not session.take_plan(Tick(20)) and (step := session.poll(Tick(20))) and step.draw:
        biased = (each for draw in draws_of(step.draw) for each in draw.bias)
        offsets |= {token - PITCH.start: by for token, by in biased if token in PITCH}
        session.accept(chain(step.draw, lambda draw: draw.allowed[-1][0]), Tick(20))
    assert bool(offsets) is leans
    assert not leans or offsets[62] > 0 > offsets[63]


def test_what_the_human_holds_is_what_is_followed() -> None:
    session, followed = Session(Start(mode="duet", chords="follow", key="", repetition_guard=0), capacity=1024), set()
    session.receive(NoteOn(Tick(0), 0, 61, 80), Tick(0))
    while (step := session.poll(Tick(0))) and step.draw:
        biased = (token for draw in draws_of(step.draw) for token, _ in draw.bias)
        followed |= {(token - PITCH.start) % 12 for token in biased if token in PITCH}
        session.accept(chain(step.draw, lambda draw: draw.allowed[-1][0]), Tick(0))
    assert followed == {1}


@pytest.mark.parametrize(("density", "sign"), [(1.0, -1), (-1.0, 1)])
def test_density_makes_the_near_likelier_or_the_far(density: float, sign: int) -> None:
    offsets = dict(bias(Taste(density=density), PLACE, IN_BAR, ((BAR.start, POSITION.stop),)))
    later = [offsets[POSITION[at]] for at in range(192)] + [offsets[BAR[0]]]
    assert all(sign * (b - a) >= 0 for a, b in pairwise(later))
    assert sign * (later[48] - later[0]) > 1


def test_space_is_left_while_the_human_is_busy_and_only_then() -> None:
    taste = Taste(leave_space=1.0)
    ranges = ((BAR.start, POSITION.stop),)
    busy = Place(bar=0, position=0, bar_length=192, onsets=8)
    assert bias(taste, PLACE, IN_BAR, ranges) == ()
    assert bias(taste, busy, IN_BAR, ranges) == bias(Taste(density=-1), PLACE, IN_BAR, ranges)


@pytest.mark.parametrize(
    ("density", "pace", "asked"),
    [(0.0, 5.5, 0.0), (0.0, 11.0, 0.0), (0.0, 16.5, -1.0), (1.0, 7.5, 1.0), (1.0, 99.0, -1.0)],
)
def test_who_plays_too_much_already_is_asked_for_less(density: float, pace: float, asked: float) -> None:
    ranges = ((BAR.start, POSITION.stop),)
    place = Place(bar=0, position=0, bar_length=192, pace=pace)
    assert bias(Taste(density=density), place, IN_BAR, ranges) == bias(Taste(density=asked), PLACE, IN_BAR, ranges)


def test_a_part_that_has_long_been_silent_comes_forward() -> None:
    state = State(last=POSITION, bars=1, header_parts=6)
    place = Place(bar=0, position=0, bar_length=192, waits=((1, 0.5), (2, 1.0)))
    offsets = dict(bias(Taste(), place, state, ((PART[1], PART[3]),)))
    assert offsets[PART[2]] > offsets[PART[1]] + 3


def test_only_where_the_machine_has_several_parts_do_they_come_forward() -> None:
    one = Start(mode="duet")
    two = Start(mode="duet", machine=(PlayerPart(part=1), PlayerPart(part=2)))
    for start, is_balanced in ((one, False), (two, True)):
        session, offsets = Session(start, capacity=1024), []
        session.receive(NoteOn(Tick(0), 0, 61, 80), Tick(0))
        while (step := session.poll(Tick(0))) and step.draw:
            offsets += [draw.bias for draw in draws_of(step.draw) if draw.allowed[0][0] in PART and draw.bias]
            session.accept(chain(step.draw, lambda draw: draw.allowed[-1][0]), Tick(0))
        assert bool(offsets) == is_balanced


def test_dynamics_lean_to_loud_or_soft() -> None:
    offsets = velocity_bias(1.0)
    assert [by for _, by in offsets] == sorted(by for _, by in offsets)
    assert len(offsets) == 32


class Stacking(FakeEngine):
    """Adds to the chord wherever it may: the lowest part, its next pitch."""

    def _draw(self, draw: Draw) -> int:
        chord = [span for span in draw.allowed if span[0] in PART]
        first = draw.allowed[0][0]
        return first if first in PITCH else super()._draw(replace(draw, allowed=tuple(chord[:1] or draw.allowed)))


def test_no_part_strikes_more_at_once_than_hands_can() -> None:
    machine = (PlayerPart(part=1), PlayerPart(part=2))
    played = live_set(Start(mode="duet", machine=machine))
    played.engine = Stacking(seed=1)
    played.play([(Tick(0), NoteOn(Tick(0), 0, 61, 80)), (Tick(100), NoteOff(Tick(100), 0, 61))], until=4000)
    chords = Counter((note.onset, note.part) for note in played.listener.sounded())
    assert max(chords.values()) == MOST_AT_ONCE
    assert {part for (_, part), notes in chords.items() if notes == MOST_AT_ONCE} == {1, 2}
