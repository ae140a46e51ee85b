"""A network for solo piano in a session: it answers, and hears what sounded, to the hundredth of a second."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.tokens.performance import STEP_TICKS, decode_performance
from music.errors import BadSetting
from music.events import NoteOff, NoteOn
from music.score import Note
from music.time import Tick
from streaming.journal import MAGIC, Journaled, read_frames, read_truth
from streaming.messages import Control, Pedal, PlayerPart, PromptNote, Start, Transport
from streaming.pianist import LEAD_MS, Pianist
from streaming.piano_script import LONGEST_PAUSE
from streaming.replay import Replay
from streaming.session import Session
from tests.streaming.live_set import Arrival, FakePiano, Listener, LiveSet, human_notes, playing, solo_set

BPM = 125.0  # a tick is a millisecond
START = Start(bpm=BPM, silence_ms=300, answer_bars=1)
BAR = 4 * 480
PHRASE: list[NoteOn | NoteOff] = [
    *(NoteOn(Tick(at), 0, 60 + at // 200, 80) for at in (200, 400, 600, 800)),
    *(NoteOff(Tick(at + 200), 0, 60 + at // 200) for at in (200, 400, 600, 800)),
]
ENDS = 1000


def phrase(at: int = 0, times: int = 1) -> list[Arrival]:
    """Later by `at`, and so many times as slow."""
    moved = [replace(event, tick=Tick(at + times * event.tick)) for event in PHRASE]
    return [(event.tick, event) for event in moved]


def heard_by_network(played: LiveSet) -> list[tuple[int, int, int]]:
    """Onset and end in steps, and pitch, of every note that its tokens tell; time counts from the first one.

    Behind a silence that was told as one of four seconds the network may draw some more of it.
    """
    pianist = played.session._machine
    assert isinstance(pianist, Pianist)
    tokens = pianist._script.tokens
    assert tuple(played.engine.tokens[: len(tokens)]) == tokens  # what follows was taken back
    notes = decode_performance(tokens).notes
    return without_long_silences([(note.onset // STEP_TICKS, note.end // STEP_TICKS, note.pitch) for note in notes])


def in_steps(notes: Sequence[Note]) -> list[tuple[int, int, int]]:
    """The same of notes that sounded, from the first one on. A key that goes down again ends its older note.

    A silence is told as one of four seconds at most. There is one only where a key's older press arrives behind its
    newer one: the network takes it to be up, the session to be down, and so does not answer.
    """
    told, again = list[tuple[int, int, int]](), dict[int, int]()
    first = round(min(note.onset for note in notes) / 10)
    for note in sorted(notes, key=lambda note: -note.onset):
        begin = round(note.onset / 10)
        end = min(max(begin + 1, round(note.end / 10)), again.get(note.pitch, note.end))
        again[note.pitch] = begin
        told.append((begin - first, end - first, note.pitch))
    return without_long_silences(told)


def without_long_silences(told: Sequence[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Sorted, and of each silence only the longest that is told."""
    told = sorted(told)
    reached = accumulate((end for _, end, _ in told), max, initial=0)
    beyond = (max(0, begin - until - LONGEST_PAUSE) for (begin, _, _), until in zip(told, reached, strict=False))
    return [
        (begin - skipped, end - skipped, pitch)
        for (begin, end, pitch), skipped in zip(told, accumulate(beyond), strict=True)
    ]


def test_a_phrase_is_answered_in_time_and_for_as_many_bars() -> None:
    played = solo_set(START)
    played.play(phrase(), 8 * BAR)
    answer = played.listener.sounded()
    begin = ENDS + START.silence_ms + LEAD_MS
    assert begin <= min(note.onset for note in answer) <= begin + 200
    assert max(note.end for note in answer) <= begin + BAR + 10
    assert played.session.late == 0


def test_the_network_hears_both_players_as_one() -> None:
    played = solo_set(START)
    played.play(phrase(), 8 * BAR)
    sounded = [*human_notes(phrase(), 10_000), *played.listener.sounded()]
    assert heard_by_network(played) == in_steps(sounded)


def test_what_is_played_is_read_before_anybody_waits_for_it() -> None:
    played = solo_set(START)
    played.play(phrase(), ENDS)
    assert len(played.engine.tokens) > 10
    assert played.engine.draws == 0
    assert played.session.poll(played.now) is None


def test_the_pedal_holds_the_phrase() -> None:
    played = solo_set(START)
    pedal = [(Tick(100), Pedal(tick=100, part=0, down=True)), (Tick(2000), Pedal(tick=2000, part=0, down=False))]
    played.play([*phrase(), *pedal], 8 * BAR)
    assert min(note.onset for note in played.listener.sounded()) >= 2000 + START.silence_ms
    assert heard_by_network(played)[0][:2] == (0, 180)


def test_who_plays_on_takes_back_what_was_not_promised() -> None:
    played = solo_set(START)
    again = Tick(1700)
    played.play([*phrase(), (again, NoteOn(again, 0, 72, 90)), (Tick(1800), NoteOff(Tick(1800), 0, 72))], 1801)
    assert played.listener.cancelled
    assert all(note.onset <= again + LEAD_MS for note in played.listener.sounded())
    played.play([], 8 * BAR)
    sounded = [*human_notes(phrase(), 10_000), Note(again, 0, 72, 90, 100), *played.listener.sounded()]
    assert heard_by_network(played) == in_steps(sounded)


def test_keys_that_stay_down_for_long_are_told_in_time() -> None:
    played = solo_set(START.model_copy(update={"answer_bars": 8}), held=1000)
    slow = phrase(times=10)
    played.play(slow, 30 * BAR)
    assert max(note.duration for note in played.listener.sounded()) > 4000
    assert played.session.late == 0
    assert heard_by_network(played) == in_steps([*human_notes(slow, 10_000), *played.listener.sounded()])


def test_an_engine_that_is_slow_plays_later_but_true() -> None:
    played = solo_set(START.model_copy(update={"answer_bars": 4}), ticks_per_token=60)
    played.play([*phrase(), (Tick(3000), Transport(tick=3000, action="end"))], 12 * BAR)
    sounded = [*human_notes(phrase(), 10_000), *played.listener.sounded()]
    assert len(sounded) > len(PHRASE) // 2
    assert heard_by_network(played) == in_steps(sounded)


def test_a_stop_cuts_what_sounds_and_the_network_hears_that() -> None:
    played = solo_set(START)
    played.play([*phrase(), (Tick(2000), Transport(tick=2000, action="stop"))], 8 * BAR)
    sounded = played.listener.sounded()
    assert max(note.end for note in sounded) == 2000
    assert heard_by_network(played) == in_steps([*human_notes(phrase(), 10_000), *sounded])


def test_the_range_of_the_machine_is_kept() -> None:
    machine = (PlayerPart(part=1, low=48, high=50),)
    played = solo_set(START.model_copy(update={"machine": machine}))
    played.play(phrase(), 8 * BAR)
    assert {note.pitch for note in played.listener.sounded()} <= {48, 49, 50}


def test_a_prompt_was_heard_before() -> None:
    prompt = (PromptNote(tick=0, duration=480, part=0, pitch=40, velocity=70),)
    played = solo_set(START.model_copy(update={"prompt": prompt}))
    played.play([], 10)
    assert [pitch for _, _, pitch in heard_by_network(played)] == [40]


def test_a_long_set_is_forgotten_bit_by_bit() -> None:
    played = solo_set(START, capacity=320)
    for round_ in range(12):
        at = round_ * 5 * BAR
        played.play(phrase(at), at + 5 * BAR)
        newest = played.listener.sounded()[-1]
        assert newest.onset > at
    assert len(played.engine.tokens) < 320


def test_a_rest_of_minutes_is_told_as_a_short_one() -> None:
    played = solo_set(START)
    hour = Tick(3_600_000)
    late: list[Arrival] = [(hour, NoteOn(hour, 0, 60, 80)), (Tick(hour + 100), NoteOff(Tick(hour + 100), 0, 60))]
    played.play([*phrase(), *late], hour + 200)
    assert len(played.engine.tokens) < 1000


@pytest.mark.parametrize(
    ("start", "words"),
    [
        ({"mode": "duet"}, "expected mode answer with a network for solo piano, got duet"),
        ({"key": "C major"}, "expected no key with"),
        ({"chords": "follow"}, "expected no chords with"),
        ({"density": 0.5}, "expected no density with"),
        ({"machine": (PlayerPart(part=1), PlayerPart(part=2))}, "expected one part of the machine's with .*, got 2"),
        ({"machine": (PlayerPart(part=1, program=128),)}, "expected no drums with"),
    ],
)
def test_what_knows_bars_and_parts_is_refused(start: dict[str, Any], words: str) -> None:
    with pytest.raises(BadSetting, match=words):
        Session(Start(**start), capacity=1024, is_solo=True)


@pytest.mark.parametrize(
    ("control", "words"),
    [({"mode": "trade"}, "expected mode answer"), ({"freeze": True}, "no freeze"), ({"mute": (1,)}, "no mute")],
)
def test_so_are_such_wishes_while_it_plays(control: dict[str, Any], words: str) -> None:
    session = Session(START, capacity=1024, is_solo=True)
    with pytest.raises(BadSetting, match=words):
        session.check(Control(**control))
    session.check(Control(temperature=0.8))


def test_a_journal_makes_the_same_set_again_and_a_later_life_goes_on() -> None:
    book: list[bytes] = []
    session = Journaled(START, capacity=4096, write=book.append, about={}, is_solo=True)
    played = LiveSet(session, FakePiano(), Listener(frozenset({1})))
    played.play(phrase(), 2 * BAR)
    frames, _ = read_frames(MAGIC + b"".join(book))
    replay = Replay()
    for frame in frames:
        replay.play(frame)
    assert replay.written == book
    truth = read_truth(frames)
    truth.go_on()
    again = LiveSet(
        Session(START, capacity=4096, truth=truth, is_solo=True),
        FakePiano(),
        Listener(frozenset({1})),
        now=truth.reached,
    )
    again.play(phrase(3 * BAR), 8 * BAR)
    assert again.listener.sounded()
    assert heard_by_network(again)[:4] == heard_by_network(played)[:4]


@settings(max_examples=60)
@given(st.data(), st.integers(0, 1000), st.sampled_from([0, 1, 7, 40]))
def test_the_network_hears_exactly_what_sounds(data: st.DataObject, seed: int, ticks_per_token: int) -> None:
    arrivals: list[Arrival] = data.draw(playing(notes=6))
    wishes: list[Arrival] = [
        (Tick(at), Transport(tick=at, action="stop") if stops and not ticks_per_token else Control(temperature=0.5))
        for at, stops in data.draw(st.lists(st.tuples(st.integers(100, 6000), st.booleans()), max_size=2))
    ]
    played = solo_set(START, seed=seed, ticks_per_token=ticks_per_token)
    played.play([*arrivals, *wishes], 30_000)
    human = human_notes(arrivals, 10_000, chord=0)
    assert heard_by_network(played) == in_steps([*human, *played.listener.sounded()])


def test_a_press_that_arrives_behind_a_newer_one_of_its_key_leaves_a_silence_of_four_seconds() -> None:
    late: list[Arrival] = [(Tick(106), NoteOn(Tick(106), 0, 59, 1)), (Tick(107), NoteOn(Tick(103), 0, 59, 1))]
    played = solo_set(START, seed=0)
    played.play(late, 30_000)
    assert played.listener.sounded()
    assert heard_by_network(played) == in_steps([*human_notes(late, 10_000, chord=0), *played.listener.sounded()])
