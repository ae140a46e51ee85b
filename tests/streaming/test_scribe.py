"""Whatever the order in which notes become known, the transcript tells them in the order of music."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from model.tokens.codec import Header, decode, duration_token, on_grid
from model.tokens.vocabulary import PART, POSITION
from music.score import Note
from music.time import Tick
from streaming.scribe import Line, Scribe
from tests.streaming.live_set import fresh_encoding

HEADER = Header(programs={0: 0, 1: 32})
NOW = Tick(100_000)

notes = st.builds(
    Note, st.integers(0, 6000).map(Tick), st.sampled_from([0, 1]), st.integers(50, 53), st.just(80), st.integers(1, 900)
)


def scribe_with(*lines: Line, limit: int = 10_000) -> Scribe:
    scribe = Scribe(HEADER, limit)
    for line in lines:
        scribe.add(line)
    scribe.write(NOW, may_guess=False)
    return scribe


def held(onset: int, pitch: int = 60) -> Line:
    return Line(Tick(onset), 0, pitch, 80, None, is_held=True)


def line(onset: int, pitch: int = 60, duration: int = 100, part: int = 0) -> Line:
    return Line(Tick(onset), part, pitch, 80, duration)


def durations(scribe: Scribe) -> list[int]:
    return [note.duration for note in decode(scribe.transcript.tokens).notes]


@given(st.lists(st.tuples(notes, st.booleans()), min_size=1, max_size=15))
def test_notes_in_any_order_read_as_if_they_had_come_in_order(arriving: list[tuple[Note, bool]]) -> None:
    scribe = Scribe(HEADER, 10_000)
    latest: dict[tuple[int, int, int], Note] = {}
    for note, is_written_at_once in arriving:
        scribe.add(Line.of(note))
        latest[Line.of(note).key] = note
        if is_written_at_once:
            scribe.write(NOW, may_guess=False)
    scribe.write(NOW, may_guess=False)
    assert list(scribe.transcript.tokens) == fresh_encoding(HEADER, latest.values())


@given(st.lists(notes, min_size=2, max_size=12, unique_by=lambda note: Line.of(note).key), st.data())
def test_what_is_removed_was_never_told(truth: list[Note], data: st.DataObject) -> None:
    scribe = scribe_with(*map(Line.of, truth))
    gone = data.draw(st.lists(st.sampled_from(truth)))
    scribe.remove(gone)
    scribe.write(NOW, may_guess=False)
    left = [n for n in truth if n not in gone]
    first = 10 * scribe.transcript.first_step
    told = [replace(n, onset=Tick(n.onset + first)) for n in decode(scribe.transcript.tokens).notes]
    assert told == sorted(map(on_grid, left))


def test_nothing_is_told_past_a_held_key_unless_its_length_may_be_guessed() -> None:
    scribe = scribe_with(held(0), line(480))
    assert durations(scribe) == []
    first = scribe.write(Tick(0), may_guess=True)
    assert first is not None
    scribe.transcript.push(duration_token(200))
    scribe.guess(first, 200)
    assert scribe.write(Tick(0), may_guess=True) is None
    assert durations(scribe) == [200, 100]


def test_a_key_that_comes_up_while_its_length_is_being_guessed_has_its_true_length() -> None:
    key = held(0)
    scribe = scribe_with(key)
    assert scribe.write(Tick(0), may_guess=True) is key
    scribe.release(key, 70)
    assert scribe.write(Tick(70), may_guess=True) is None
    assert durations(scribe) == [70]


def guessed(duration: int) -> tuple[Scribe, Line]:
    key = held(0)
    scribe = scribe_with(key)
    scribe.write(Tick(0), may_guess=True)
    scribe.transcript.push(duration_token(duration))
    scribe.guess(key, duration)
    return scribe, key


def test_a_wrong_guess_stays_while_there_is_no_time_and_is_corrected_by_settling() -> None:
    scribe, key = guessed(200)
    scribe.release(key, 90)
    scribe.add(line(480))
    scribe.write(Tick(480), may_guess=True)
    assert durations(scribe) == [200, 100]
    scribe.settle(Tick(480), is_quiet=True)
    scribe.write(Tick(480), may_guess=True)
    assert durations(scribe) == [90, 100]


def test_a_wrong_guess_far_back_waits_until_the_humans_are_quiet() -> None:
    scribe, key = guessed(200)
    scribe.release(key, 90)
    for onset in range(480, 480 * 20, 480):
        scribe.add(line(onset))
    scribe.write(Tick(9600), may_guess=True)
    scribe.transcript.offer(None)
    scribe.transcript.confirm()
    assert not scribe.is_behind(may_guess=True, is_quiet=False)
    scribe.settle(Tick(9600), is_quiet=False)
    assert scribe.has_wrong
    assert durations(scribe)[0] == 200
    assert scribe.is_behind(may_guess=True, is_quiet=True)
    scribe.settle(Tick(9600), is_quiet=True)
    scribe.write(Tick(9600), may_guess=True)
    assert not scribe.has_wrong
    assert durations(scribe)[0] == 90


def test_a_note_before_a_wrong_guess_corrects_it_on_the_way() -> None:
    key = held(480)
    scribe = scribe_with(key)
    scribe.write(Tick(480), may_guess=True)
    scribe.transcript.push(duration_token(200))
    scribe.guess(key, 200)
    scribe.release(key, 90)
    scribe.add(line(240))
    scribe.write(Tick(480), may_guess=True)
    assert durations(scribe) == [100, 90]
    assert not scribe.transcript.is_synced
    scribe.transcript.offer(None)
    scribe.transcript.confirm()
    assert not scribe.is_behind(may_guess=True, is_quiet=True)


def test_a_key_that_outlives_its_guess_is_taken_to_stay_down_for_as_long_again() -> None:
    scribe, key = guessed(200)
    assert scribe.next_outlived() == 201
    scribe.settle(Tick(200), is_quiet=True)
    assert key.duration == 200
    scribe.settle(Tick(300), is_quiet=True)
    scribe.write(Tick(300), may_guess=True)
    assert key.duration == 600
    assert [duration_token(each) for each in durations(scribe)] == [duration_token(600)]
    scribe.release(key, 610)
    assert scribe.next_outlived() is None


def test_a_guess_still_possible_is_kept_at_the_next_note() -> None:
    scribe, key = guessed(900)
    later = held(480, 64)
    scribe.add(later)
    assert scribe.write(Tick(480), may_guess=True) is later
    assert durations(scribe) == [key.duration]


def test_a_note_that_was_being_drawn_makes_way_for_one_that_was_played() -> None:
    scribe = scribe_with(line(0))
    for token in (POSITION[20], PART[1]):
        scribe.transcript.push(token)
    scribe.add(line(480))
    scribe.write(Tick(480), may_guess=False)
    assert list(scribe.transcript.tokens) == fresh_encoding(HEADER, [line(0).note, line(480).note])


def test_a_full_context_keeps_the_last_bars_on_their_bar_lines() -> None:
    scribe = scribe_with(limit=300)
    for i in range(200):
        scribe.add(line(i * 480))
        scribe.write(Tick(i * 480), may_guess=False)
        assert len(scribe.transcript) <= 300
    told = decode(scribe.transcript.tokens).notes
    assert len(told) >= 16
    assert {note.onset % 480 for note in told} == {0}
    assert scribe.transcript.first_step % 192 == 0


def test_a_bar_too_full_for_the_context_is_forgotten_and_the_music_goes_on() -> None:
    scribe = scribe_with(limit=192)
    for i in range(100):
        scribe.add(line(i * 10))
        scribe.write(Tick(i * 10), may_guess=False)
        assert len(scribe.transcript) <= 192
        assert scribe.transcript.state.step >= i, "time goes on"
    scribe.add(line(2000))
    scribe.write(Tick(2000), may_guess=False)
    assert durations(scribe)[-1] == 100


def test_a_note_before_the_remembered_bars_moves_their_beginning() -> None:
    scribe = scribe_with(line(4 * 1920))
    scribe.add(line(1920 + 10))
    scribe.write(NOW, may_guess=False)
    assert scribe.transcript.first_step == 192
    assert len(durations(scribe)) == 2


def test_hours_of_silence_need_no_hours_of_bars() -> None:
    scribe = scribe_with(line(0), limit=400)
    scribe.seek(192 * 10_000, Tick(1920 * 10_000))
    assert len(scribe.transcript) < 30
    assert scribe.transcript.state.bar_start == 192 * 10_000
