"""The tokens of a session: always a legal beginning, cut and grown at the end, and in step with the engine."""

from hypothesis import given
from hypothesis import strategies as st

from model.engine.work import Draw
from model.tokens.codec import Header, decode, duration_token, read_state
from model.tokens.vocabulary import BAR, DURATION, PART, POSITION
from music.score import Note
from music.time import Meter, Tick
from streaming.transcript import Transcript

HEADER = Header(programs={0: 0, 1: 32}, meter=Meter(3, 4))
OPENING = len(HEADER.tokens())
BAR_TICKS = 3 * 480
ANY_DRAW = Draw(allowed=((DURATION.start, DURATION.stop),))


def note(tick: int, pitch: int = 60, part: int = 0) -> Note:
    return Note(Tick(tick), part, pitch, 82, 120)


def transcript_of(*notes: Note) -> Transcript:
    transcript = Transcript(HEADER)
    for each in notes:
        transcript.write(each)
    return transcript


ordered_notes = st.lists(
    st.builds(note, st.integers(0, 500).map(lambda i: 10 * i), st.integers(0, 127), st.sampled_from([0, 1])),
    max_size=12,
    unique_by=lambda n: (n.onset, n.part, n.pitch),
).map(sorted)


@given(ordered_notes)
def test_what_is_written_is_read_again(notes: list[Note]) -> None:
    assert list(decode(transcript_of(*notes).tokens).notes) == notes


@given(ordered_notes, st.integers(0, 520))
def test_a_rewind_leaves_exactly_what_came_before_the_step(notes: list[Note], step: int) -> None:
    transcript = transcript_of(*notes)
    transcript.rewind_to_step(step)
    assert list(decode(transcript.tokens).notes) == [n for n in notes if n.onset < 10 * step]
    assert transcript.state == read_state(transcript.tokens)


@given(ordered_notes, st.integers(0, 520))
def test_after_a_rewind_the_same_notes_give_the_same_tokens(notes: list[Note], step: int) -> None:
    transcript = transcript_of(*notes)
    before = transcript.tokens
    transcript.rewind_to_step(step)
    for each in notes:
        if each.onset >= 10 * step:
            transcript.write(each)
    assert transcript.tokens == before


@given(ordered_notes, st.integers(0, 2000))
def test_it_is_told_beforehand_how_many_bars_a_seek_writes(notes: list[Note], step: int) -> None:
    transcript = transcript_of(*notes)
    expected = transcript.bars_until(step)
    before = len(transcript)
    transcript.seek(step)
    assert transcript.tokens[before:] == (BAR[0],) * expected


def test_a_chord_is_written_whole_again() -> None:
    transcript = transcript_of(note(0), note(480, 60), note(480, 64))
    transcript.rewind_to_step(48)
    assert list(decode(transcript.tokens).notes) == [note(0)]


def test_the_bar_line_at_the_step_goes_too() -> None:
    transcript = transcript_of(note(0), note(BAR_TICKS))
    transcript.rewind_to_step(144)
    assert transcript.tokens.count(BAR[0]) == 1


def test_a_note_half_written_is_dropped_with_its_position() -> None:
    transcript = transcript_of(note(0))
    before = transcript.tokens
    for token in (POSITION[7], PART[1]):
        transcript.push(token)
        assert not transcript.is_complete
    transcript.drop_unfinished()
    assert transcript.tokens == before
    assert transcript.is_complete


def test_an_onset_and_its_duration_make_a_note() -> None:
    transcript = transcript_of()
    transcript.write_onset(note(30))
    assert transcript.awaits_duration
    transcript.push(duration_token(120))
    assert decode(transcript.tokens).notes == (note(30),)


def test_a_transcript_begun_anew_keeps_the_time() -> None:
    transcript = transcript_of(note(0))
    transcript.restart(144 * 10 + 5)
    assert transcript.first_step == 1440
    assert len(transcript) == OPENING
    transcript.write(note(14_500))
    assert transcript.tokens.count(BAR[0]) == 1
    assert transcript.state.step == 1450


def test_the_engine_is_offered_only_what_it_does_not_hold() -> None:
    transcript = transcript_of(note(0))
    first = transcript.offer(None)
    assert first is not None
    assert (first.keep, first.append) == (0, transcript.tokens)
    transcript.confirm()
    assert transcript.offer(None) is None
    transcript.write(note(100))
    second = transcript.offer(None)
    assert second is not None
    assert (second.keep, second.keep + len(second.append)) == (len(first.append), len(transcript))


def test_a_draw_always_has_a_token_to_look_from() -> None:
    transcript = transcript_of(note(0))
    transcript.offer(None)
    transcript.confirm()
    step = transcript.offer(ANY_DRAW)
    assert step is not None
    assert (step.keep, step.append) == (len(transcript) - 1, transcript.tokens[-1:])


def test_a_rewind_while_the_engine_works_is_not_forgotten() -> None:
    transcript = transcript_of(note(0), note(100))
    transcript.offer(None)
    transcript.rewind_to_step(10)
    kept = len(transcript)
    transcript.write(note(100, 72))
    transcript.confirm()
    step = transcript.offer(None)
    assert step is not None
    assert step.keep == kept


def test_a_step_that_never_ran_is_offered_again() -> None:
    transcript = transcript_of(note(0))
    first = transcript.offer(None)
    assert transcript.offer(None) == first
