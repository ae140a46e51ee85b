import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from music.errors import BadMidi
from music.files import read_midi, write_midi
from music.limits import DEFAULT_LIMITS, MidiLimits
from music.score import Score
from music.smf import read_smf
from tests.music.smf_bytes import ACCEPTED, END, HUGE, NOTE, REFUSED, head, one_track, track
from tests.strategies import scores

SHORT = [data for data in [*(data for data, _ in REFUSED.values()), *ACCEPTED.values()] if len(data) < 5000]


@pytest.mark.parametrize("name", REFUSED)
def test_a_broken_file_is_refused_in_one_sentence_that_says_why(name: str) -> None:
    data, words = REFUSED[name]
    with pytest.raises(BadMidi) as refusal:
        read_midi(data)
    sentence = str(refusal.value)
    assert words in sentence
    assert sentence.startswith("expected ")
    assert "\n" not in sentence


@pytest.mark.parametrize("name", ACCEPTED)
def test_an_odd_file_with_notes_is_music(name: str) -> None:
    score = read_midi(ACCEPTED[name])
    assert [note.pitch for note in score.notes] == [0x40]


@given(st.sampled_from(SHORT), st.data())
def test_a_damaged_file_is_a_score_or_refused(data: bytes, draw: st.DataObject) -> None:
    check_score_or_refusal(damage(data, draw))


@given(scores(max_parts=3), st.data())
def test_damaged_music_is_a_score_or_refused(score: Score, draw: st.DataObject) -> None:
    check_score_or_refusal(damage(write_midi(score), draw))


@given(st.binary(max_size=200))
@example(b"\x00\xff")
@example(b"\x00\xf0")
@example(b"\x80")
def test_a_track_of_any_bytes_is_a_score_or_refused(body: bytes) -> None:
    check_score_or_refusal(head() + track(body))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_score_or_refused(data: bytes) -> None:
    check_score_or_refusal(data)


def damage(data: bytes, draw: st.DataObject) -> bytes:
    """Some bytes changed, some cut out, some put in."""
    damaged = bytearray(data)
    for _ in range(draw.draw(st.integers(1, 6))):
        at = draw.draw(st.integers(0, len(damaged)))
        cut = draw.draw(st.sampled_from([0, 1, 1, 1, 4]))
        damaged[at : at + cut] = draw.draw(st.one_of(st.binary(min_size=1, max_size=1), st.binary(max_size=4)))
    return bytes(damaged)


def check_score_or_refusal(data: bytes) -> None:
    try:
        score = read_midi(data)
    except BadMidi:
        return
    assert score.notes
    assert read_midi(write_midi(score)) == score


LARGEST = {
    "notes": one_track(b"\x00\x90\x40\x40\x01\x80\x40\x00" * 99_999),
    "held notes": one_track(b"\x01\x90\x40\x40" * 99_999 + b"\x01\x80\x40\x00" * 99_999),
    "notes without end": one_track(b"\x01\x90\x40\x40" * 199_990),
    "pedalled notes": one_track(b"\x00\xb0\x40\x7f" + b"\x00\x90\x40\x40\x01\x80\x40\x00" * 99_990),
    "voices": one_track(
        b"".join(bytes([0, 0xC0 | i % 9, i * 7 % 128, 0, 0x90 | i % 9, 64, 64]) for i in range(99_000))
    ),
    "meters": one_track(b"\x01\xff\x58\x04\x04\x02\x18\x08" * 9_990 + NOTE),
    "tempos": one_track(b"\x01\xff\x51\x03\x04\x02\x01" * 199_990 + NOTE),
    "empty chunks": head() + b"XXXX\x00\x00\x00\x00" * 520_000 + track(NOTE + END),
}


@pytest.mark.parametrize("name", LARGEST)
def test_the_largest_file_within_the_limits_is_read_in_bounded_time(name: str) -> None:
    began = time.process_time()
    assert read_midi(LARGEST[name]).notes
    assert time.process_time() - began < 5  # about 0.5 s; what is not linear takes minutes


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (MidiLimits(file_bytes=30), "at most 30 bytes"),
        (MidiLimits(tracks=1), "1 to 1 tracks, got 2"),
        (MidiLimits(events=5), "at most 5 events"),
        (MidiLimits(ticks=16), "ticks of at most 15, got 16"),
        (MidiLimits(payload_bytes=2), "at most 2 bytes in one event, got 3"),
        (MidiLimits(seconds=0), "at most 0 seconds"),
        (MidiLimits(meters=0), "at most 0 changes of meter, got 1"),
    ],
)
def test_every_limit_is_kept(limits: MidiLimits, words: str) -> None:
    data = head(1, 2) + track(b"\x00\xff\x03\x03abc" + NOTE + END) + track(NOTE + END)
    assert read_midi(data, MidiLimits(events=7)).notes
    with pytest.raises(BadMidi, match=words):
        read_midi(data, limits)


def test_ticks_stay_below_what_a_file_of_ours_can_hold() -> None:
    delta = HUGE + b"\x90\x40\x40"
    assert read_smf(one_track(delta), DEFAULT_LIMITS).ends == [2**28 - 1]
    with pytest.raises(BadMidi, match="ticks of at most 134217727"):
        read_smf(one_track(delta, division=240), DEFAULT_LIMITS)


def test_only_what_becomes_music_is_kept() -> None:
    body = b"\x00\xb0\x07\x64\x00\xb0\x40\x7f\x00\xe0\x00\x40\x00\xc0\x05\x00\xa0\x40\x01\x00\xd0\x01" + NOTE
    raw = read_smf(one_track(body), DEFAULT_LIMITS)
    assert [event[2] for event in raw.events] == [0xB0, 0xC0, 0x90, 0x80]
    assert raw.seen == 9
