"""Replay equals the set, note for note; and a session that died goes on from what its journal knows."""

from collections import Counter
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.engine.work import Drawn, Step
from music.errors import BadJournal
from music.events import NoteOff, NoteOn
from music.score import Note, Score
from music.time import Tick
from streaming.journal import HEADER, MAGIC, Frame, Journaled, read_frames, read_truth
from streaming.messages import Control, Mode, Pedal, PlayerPart, PromptNote, Start, Transport
from streaming.replay import Replay
from tests.chains import chain
from tests.streaming.live_set import Arrival, FakeEngine, Listener, LiveSet, playing
from tests.streaming.test_modes import steady

MODES: list[Mode] = ["answer", "duet", "accompany", "trade", "continue"]
ABOUT = {"session": "0123abcd"}
AFTER = 6000

starts = st.builds(
    Start,
    mode=st.sampled_from(MODES),
    count_in_bars=st.integers(0, 1),
    trade_bars=st.just(1),
    chords=st.sampled_from(["", "follow", "Am7 | D7 G7"]),
    leave_space=st.sampled_from([0.0, 1.0]),
    answer_on_bar=st.booleans(),
    machine=st.sampled_from([(PlayerPart(part=1),), (PlayerPart(part=1), PlayerPart(part=9, program=128))]),
    prompt=st.sampled_from([(), (PromptNote(tick=100, duration=200, part=1, pitch=60, velocity=70),)]),
)
ticks = st.integers(0, AFTER)
asides: st.SearchStrategy[Any] = st.one_of(
    st.builds(Transport, action=st.sampled_from(["stop", "end"]), tick=ticks),
    st.builds(Pedal, down=st.booleans(), tick=ticks),
    st.builds(Control, mode=st.sampled_from([None, *MODES]), density=st.sampled_from([None, -1.0, 1.0])),
)


class Book(bytearray):
    """A journal in memory."""

    def __init__(self, data: bytes = MAGIC) -> None:
        super().__init__(data)

        self.told: list[bytes] = []

    def write(self, data: bytes) -> None:
        self += data
        self.told.append(data)

    @property
    def frames(self) -> list[Frame]:
        frames, end = read_frames(bytes(self))
        assert end == len(self)
        return frames


def journaled(start: Start, book: Book, *, seed: int = 0, ticks_per_token: int = 0, capacity: int = 2048) -> LiveSet:
    listener = Listener(frozenset(player.part for player in start.machine))
    session = Journaled(start, capacity=capacity, write=book.write, about=ABOUT)
    return LiveSet(session, FakeEngine(seed, ticks_per_token, capacity), listener)


def replayed(book: Book) -> Replay:
    replay = Replay()
    for frame in book.frames:
        replay.play(frame)
    return replay


def truth_of(book: Book) -> Score:
    return read_truth(book.frames).score()


@given(starts, playing(), st.lists(st.tuples(ticks, asides), max_size=4))
def test_what_a_journal_knows_is_what_has_sounded(
    start: Start, arrivals: list[Arrival], others: list[tuple[int, Any]]
) -> None:
    book = Book()
    live = journaled(start, book)
    live.play([*arrivals, *((Tick(tick), event) for tick, event in others)], AFTER)
    truth = read_truth(book.frames)
    longest = truth.settings.longest_key
    held = [(line, min(longest, truth.reached - line.onset)) for line in truth.keys.held]
    known = [*truth.notes(), *(Note(line.onset, line.part, line.pitch, line.velocity, last) for line, last in held)]
    recorded = live.session._recording._notes(list(range(16)))
    assert over(known, truth.reached) == over(recorded, truth.reached)
    assert truth.score().parts == live.session.recorded()().parts


def over(notes: list[Note], now: int) -> Counter[Note]:
    return Counter(note for note in notes if note.end < now)


def test_contexts_that_take_over_are_replayed_too() -> None:
    book = Book()
    live = journaled(Start(mode="duet"), book, capacity=400)
    live.play(steady(0, 30_000, 240), 30_000)
    assert live.reliefs >= 2
    assert replayed(book).written == book.told


@pytest.mark.parametrize("mode", MODES)
def test_the_machine_plays_again_after_a_crash(mode: Mode) -> None:
    book = Book()
    start = Start(mode=mode, trade_bars=1)
    before = journaled(start, book)
    before.play(steady(0, 2400), 2500)
    truth = read_truth(book.frames)
    truth.go_on()
    session = Journaled(start, capacity=2048, write=book.write, about=ABOUT, truth=truth)
    after = LiveSet(session, FakeEngine(1), Listener(before.listener.machine), now=Tick(3000))
    after.play([(Tick(3100), NoteOn(Tick(3100), 0, 60, 80)), (Tick(3200), NoteOff(Tick(3200), 0, 60))], 9000)
    assert after.listener.sounded()
    human = [note for note in truth_of(book).notes if note.part == 0]
    assert len(human) == 5 + 1


def test_a_machine_that_was_stopped_stays_stopped_after_a_crash() -> None:
    for mode in MODES:
        book = Book()
        before = journaled(Start(mode=mode, trade_bars=1), book)
        before.play([*steady(0, 480 * 4), (Tick(1900), Transport(action="stop", tick=1900))], 2000)
        truth = read_truth(book.frames)
        truth.go_on()
        session = Journaled(truth.start, capacity=2048, write=book.write, about=ABOUT, truth=truth)
        after = LiveSet(session, FakeEngine(1), Listener(before.listener.machine), now=Tick(2100))
        after.play([], 9000)
        assert not after.listener.told, mode


@given(st.data())
def test_a_torn_or_damaged_tail_is_cut_off(data: st.DataObject) -> None:
    book = Book()
    journaled(Start(mode="duet"), book).play(steady(0, 480 * 3), 1500)
    whole = bytes(book)
    frames = book.frames
    ends = [len(MAGIC)]
    for _ in frames:
        ends.append(ends[-1] + HEADER.size + HEADER.unpack_from(whole, ends[-1])[0])
    cut = data.draw(st.integers(ends[1], len(whole)))
    damaged = data.draw(st.booleans())
    torn = whole[:cut] + (b"\xff" * 20 if damaged else b"")
    kept, end = read_frames(torn)
    assert end == max(each for each in ends if each <= cut)
    assert kept == frames[: len(kept)]


@pytest.mark.parametrize("data", [b"", b"MThd", MAGIC, MAGIC + b"\x01", MAGIC + HEADER.pack(1, 0x1E5D1F7F) + b"\xc0"])
def test_what_is_no_journal_is_said_in_one_sentence(data: bytes) -> None:
    with pytest.raises(BadJournal, match="expected a"):
        read_frames(data)


def test_what_a_guest_said_is_not_taken_for_the_owners() -> None:
    book = Book()
    session = journaled(Start(mode="duet"), book).session
    session.receive(NoteOn(Tick(0), 0, 60, 80), Tick(0), 3)
    session.join(PlayerPart(part=5))
    session.receive(NoteOn(Tick(1), 5, 60, 80), Tick(1), 90)
    session.receive(Control(density=1.0), Tick(1), 91)
    truth = read_truth(book.frames)
    assert truth.heard_seq == 3
    truth.go_on()
    assert truth.settings.human == {0}
    assert [part.name for part in truth.score().parts] == ["Human 1", "Machine 2", "Human 6"]


def test_marks_say_where_the_mode_changed_and_where_it_was_cut() -> None:
    book = Book()
    live = journaled(Start(mode="duet"), book)
    live.play([(Tick(500), Control(mode="answer")), (Tick(700), Transport(action="end", tick=700))], 1000)
    live.session.take_plan(Tick(1000))
    truth = read_truth(book.frames)
    truth.go_on()
    assert truth.marks[:3] == [(0, "duet"), (500, "answer"), (700, "end")]
    assert truth.marks[3][1] == "cut"


def test_a_second_of_music_takes_few_bytes() -> None:
    book = Book()
    journaled(Start(mode="duet"), book, ticks_per_token=6).play(steady(0, 60 * 960, 240), 60 * 960)
    assert len(book) < 60 * 1000


class Parrot:
    """Draws what it is told to, to see that a difference is noticed."""

    def __init__(self, token: int) -> None:
        self.token, self.begun = token, 0

    def begin(self, seed: int) -> None:
        self.begun += 1

    def run(self, step: Step, *, is_relief: bool) -> Drawn:
        return chain(step.draw, lambda draw: self.token)

    def relieve(self) -> None:
        raise AssertionError("no context was full")


def test_other_draws_are_counted_and_do_not_change_the_set() -> None:
    book = Book()
    live = journaled(Start(mode="duet"), book)
    live.play(steady(0, 480 * 3), 1500)
    drawing = Parrot(-1)
    replay = Replay(drawing)
    for frame in book.frames:
        replay.play(frame)
    assert drawing.begun == 1
    assert replay.different == replay.tokens > 10
    assert replay.session.recorded()() == live.session.recorded()()


def test_frames_are_plain_msgpack() -> None:
    book = Book()
    journaled(Start(mode="duet"), book).play(steady(0, 480 * 1), 500)
    length, _ = HEADER.unpack_from(book, len(MAGIC))
    now, calls, event = msgpack.unpackb(bytes(book[len(MAGIC) + HEADER.size :][:length]))
    assert (now, calls, event[0], event[1]["session"]) == (0, b"", "start", "0123abcd")
