import csv
import io
import os
import tarfile
from pathlib import Path
from typing import Any

import mido
import pytest
import symusic
from hypothesis import given

from music.errors import BadMidi
from music.files import read_midi, save_midi, write_midi
from music.score import DRUMS, Note, Part, Score
from music.time import FREE, Meter, MeterChange, Tempo, Tick
from tests.music.smf_bytes import END, NOTE, head, one_track, track
from tests.strategies import scores


def spans(data: bytes) -> list[tuple[int, int, int]]:
    return [(note.onset, note.end, note.pitch) for note in read_midi(data).notes]


def on(delta: int, pitch: int = 64, velocity: int = 64, channel: int = 0) -> bytes:
    return bytes([delta, 0x90 | channel, pitch, velocity])


def off(delta: int, pitch: int = 64, channel: int = 0) -> bytes:
    return bytes([delta, 0x80 | channel, pitch, 0])


def pedal(delta: int, value: int, channel: int = 0) -> bytes:
    return bytes([delta, 0xB0 | channel, 64, value])


def program(delta: int, number: int, channel: int = 0) -> bytes:
    return bytes([delta, 0xC0 | channel, number])


def read_elsewhere(data: bytes) -> Any:
    """By another library: a symusic score, whose types say less than it has."""
    return symusic.Score.from_midi(data)


# ---- there and back ----------------------------------------------------------------------------------


@given(scores())
def test_a_score_survives_writing_and_reading(score: Score) -> None:
    assert read_midi(write_midi(score)) == score


@given(scores(max_parts=4))
def test_another_reader_hears_the_same_notes(score: Score) -> None:
    heard = read_elsewhere(write_midi(score))
    assert heard.tpq == 480
    theirs = sorted(
        (note.time, note.pitch, note.velocity, note.duration, DRUMS if track.is_drum else track.program)
        for track in heard.tracks
        for note in track.notes
    )
    ours = sorted((n.onset, n.pitch, n.velocity, n.duration, score.parts[n.part].program) for n in score.notes)
    assert theirs == ours
    assert [(change.time, change.mspq) for change in heard.tempos] == [(t.tick, t.us_per_quarter) for t in score.tempos]


def test_what_a_score_leaves_unsaid_is_written_out() -> None:
    note = Note(Tick(0), 1, 60, 80, 480)
    bare = Score((Part(5), Part(7, "kept")), (note,), tempos=(Tempo(Tick(960), 400_000),))
    back = read_midi(write_midi(bare))
    assert back.parts == (Part(7, "kept"),)
    assert back.tempos[0] == Tempo(Tick(0), 400_000)
    assert back.meters == (MeterChange(Tick(0), Meter(4, 4)),)


def test_a_saved_file_is_the_written_bytes(tmp_path: Path) -> None:
    score = read_midi(one_track(NOTE))
    save_midi(score, tmp_path / "a.mid")
    assert read_midi(tmp_path / "a.mid") == score


@given(scores())
def test_parts_have_channels_of_their_own_and_drums_have_the_tenth(score: Score) -> None:
    file = mido.MidiFile(file=io.BytesIO(write_midi(score)))
    assert (file.type, file.ticks_per_beat, len(file.tracks)) == (1, 480, 1 + len(score.parts))
    channels = []
    for part, messages in zip(score.parts, file.tracks[1:], strict=True):
        (channel,) = {message.channel for message in messages if not message.is_meta}
        assert (channel == 9) is part.is_drums
        if not part.is_drums:
            channels.append(channel)
    assert len(set(channels)) == min(len(channels), 15)


@given(scores(max_parts=2))
def test_a_written_note_always_ends_before_its_pitch_is_struck_again(score: Score) -> None:
    for messages in mido.MidiFile(file=io.BytesIO(write_midi(score))).tracks:
        sounding: set[int] = set()
        for message in messages:
            if message.type == "note_on":
                assert message.velocity > 0
                assert message.note not in sounding
                sounding.add(message.note)
            elif message.type == "note_off":
                sounding.remove(message.note)
        assert not sounding


# ---- how notes are read ------------------------------------------------------------------------------


def test_a_restruck_note_ends_where_it_is_struck_again() -> None:
    assert spans(one_track(on(0) + on(16) + off(16) + off(16))) == [(0, 16, 64), (16, 48, 64)]


def test_one_off_ends_every_note_of_its_pitch_that_no_other_off_ends() -> None:
    assert spans(one_track(on(0) + on(16) + off(16) + on(100, pitch=1) + off(1, pitch=1))) == [
        (0, 16, 64),
        (16, 32, 64),
        (132, 133, 1),
    ]


def test_a_note_without_end_lasts_to_the_end_of_its_track() -> None:
    assert spans(head() + track(on(0) + b"\x60\xff\x2f\x00")) == [(0, 96, 64)]


def test_a_note_without_length_gets_one_tick() -> None:
    assert spans(one_track(on(0) + off(0))) == [(0, 1, 64)]


def test_of_two_notes_struck_at_once_the_longer_stays() -> None:
    (note,) = read_midi(one_track(on(0, velocity=100) + on(0, velocity=50) + off(5) + off(5))).notes
    assert (note.duration, note.velocity) == (10, 50)


def test_velocity_0_is_a_note_off() -> None:
    assert spans(one_track(on(0) + on(16, velocity=0))) == [(0, 16, 64)]


def test_other_divisions_become_480_and_what_touched_still_touches() -> None:
    body = b"".join(on(0, pitch) + off(7, pitch) for pitch in range(60, 72))
    found = spans(one_track(body, division=96 * 7))
    assert [end for _, end, _ in found[:-1]] == [onset for onset, _, _ in found[1:]]
    assert found[-1][1] == 12 * 5


def test_the_pedal_holds_notes_until_it_comes_up() -> None:
    assert spans(one_track(pedal(0, 127) + on(0) + off(16) + pedal(16, 0))) == [(0, 32, 64)]


def test_a_note_struck_again_under_the_pedal_ends_there() -> None:
    body = pedal(0, 64) + on(0) + off(10) + on(10) + off(10) + pedal(10, 63)
    assert spans(one_track(body)) == [(0, 20, 64), (20, 40, 64)]


def test_half_a_pedal_below_64_holds_nothing() -> None:
    assert spans(one_track(pedal(0, 63) + on(0) + off(16) + pedal(16, 0))) == [(0, 16, 64)]


def test_a_key_outlasts_the_pedal() -> None:
    assert spans(one_track(pedal(0, 127) + on(0) + pedal(8, 0) + off(8))) == [(0, 16, 64)]


def test_a_pedal_that_never_comes_up_holds_to_the_end_of_the_track() -> None:
    assert spans(one_track(pedal(0, 127) + on(0) + off(16) + pedal(16, 100))) == [(0, 32, 64)]


def test_the_pedal_is_a_channels_in_all_tracks_and_no_others() -> None:
    left = track(on(0, 40) + off(16, 40) + on(0, 41, channel=1) + off(16, 41, channel=1) + END)
    right = track(pedal(0, 127) + on(0, 70) + off(16, 70) + pedal(16, 0) + END)
    assert spans(head(1, 2) + left + right) == [(0, 32, 40), (0, 32, 70), (16, 32, 41)]
    assert {note.part for note in read_midi(head(1, 2) + left + right).notes} == {0, 1, 2}


# ---- parts -------------------------------------------------------------------------------------------


def test_every_track_channel_and_program_is_a_part() -> None:
    first = b"\x00\xff\x03\x05Piano" + on(0) + off(16) + program(0, 5) + on(0) + off(16)
    second = on(0, channel=3) + off(16, channel=3) + on(0, channel=9) + off(16, channel=9)
    score = read_midi(head(1, 2) + track(first + END) + track(second + END))
    assert score.parts == (Part(0, "Piano"), Part(5, "Piano"), Part(0), Part(DRUMS))
    assert [note.part for note in score.notes] == [0, 2, 1, 3]


def test_a_program_in_another_track_counts_unless_the_track_has_its_own() -> None:
    programs = track(program(0, 40, channel=1) + program(0, 50, channel=2) + END)
    music = on(0, channel=1) + off(1, channel=1) + program(0, 7, channel=2) + on(0, channel=2) + off(1, channel=2)
    before = read_midi(head(1, 2) + programs + track(music + END))
    after = read_midi(head(1, 2) + track(music + END) + programs)
    assert before.parts == after.parts == (Part(40), Part(7))


def test_beyond_16_parts_the_smallest_join_their_own_kind_first() -> None:
    def notes(count: int, number: int) -> bytes:
        return track(program(0, number) + b"".join(on(0, pitch) + off(1, pitch) for pitch in range(count)) + END)

    tracks = [notes(1, 77), *(notes(10 + i, i) for i in range(15)), notes(3, 40), notes(4, 40), notes(5, 40)]
    score = read_midi(head(1, len(tracks)) + b"".join(tracks))
    sizes = {part.program: sum(note.part == i for note in score.notes) for i, part in enumerate(score.parts)}
    # 19 parts: two of the three with program 40 join the third, then the smallest of all goes.
    assert sizes == {i: 10 + i for i in range(15)} | {40: 5}


# ---- tempo and meter ---------------------------------------------------------------------------------


def test_tempo_is_120_and_meter_4_4_until_the_file_says_otherwise() -> None:
    score = read_midi(one_track(NOTE + b"\x10\xff\x51\x03\x06\x1a\x80\x00\xff\x58\x04\x06\x03\x18\x08"))
    assert score.tempos == (Tempo(Tick(0), 500_000), Tempo(Tick(32), 400_000))
    assert score.meters == (MeterChange(Tick(0), Meter(4, 4)), MeterChange(Tick(32), Meter(6, 8)))


def test_of_two_tempos_at_one_tick_the_last_counts() -> None:
    score = read_midi(one_track(b"\x00\xff\x51\x03\x06\x1a\x80\x00\xff\x51\x03\x07\xa1\x20" + NOTE))
    assert score.tempos == (Tempo(Tick(0), 500_000),)


def test_unmetered_music_is_a_marker_that_other_programs_show_as_4_4() -> None:
    score = Score((Part(),), (Note(Tick(0), 0, 60, 64, 10),), meters=(MeterChange(Tick(0), FREE),))
    data = write_midi(score)
    assert read_midi(data).meters == score.meters
    (shown,) = read_elsewhere(data).time_signatures
    assert (shown.numerator, shown.denominator) == (4, 4)


# ---- sources -----------------------------------------------------------------------------------------


def test_what_is_no_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("C D E F G")
    os.mkfifo(tmp_path / "pipe")
    for name, words in {
        "missing.mid": "No such file",
        ".": "is not a file",
        "pipe": "is not a file",
        "nul\0": "null",
        "notes.txt": "begins with MThd",
    }.items():
        with pytest.raises(BadMidi, match=words):
            read_midi(tmp_path / name)


def test_a_file_of_50_megabytes_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "big.mid"
    with path.open("wb") as file:
        file.truncate(50 * 2**20)
    monkeypatch.setattr(Path, "open", lambda *_: pytest.fail("it was opened"))
    with pytest.raises(BadMidi, match="at most 4194304 bytes, got 52428800"):
        read_midi(path)


# ---- real music --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real_files(corpus_archive: Path) -> dict[str, bytes]:
    """Every 80th file of the corpus, so some of every large source: about 200."""
    chosen = {}
    with tarfile.open(corpus_archive) as archive:
        for i, member in enumerate(archive):
            if i % 80 == 1 and (content := archive.extractfile(member)):
                chosen[member.name] = content.read()
    return chosen


@pytest.fixture(scope="module")
def manifest(corpus_archive: Path) -> dict[str, dict[str, str]]:
    with tarfile.open(corpus_archive) as archive:
        first = archive.next()
        assert first is not None
        content = archive.extractfile(first)
        assert content is not None
        return {row["path"]: row for row in csv.DictReader(io.TextIOWrapper(content))}


@pytest.mark.corpus
def test_real_music_is_read_and_survives_writing(
    real_files: dict[str, bytes], manifest: dict[str, dict[str, str]]
) -> None:
    assert len(real_files) > 200
    for i, (name, data) in enumerate(real_files.items()):
        score = read_midi(data)
        if i % 4 == 0:  # writing takes its time
            assert read_midi(write_midi(score)) == score, name
        # Notes struck at once on one pitch become one, and of more than 16 parts some may go.
        told = int(manifest[name]["notes"])
        assert 0.7 * told < len(score.notes) <= told, name


@pytest.mark.corpus
def test_real_music_has_the_notes_that_another_reader_finds(real_files: dict[str, bytes]) -> None:
    for name, data in real_files.items():
        score, theirs = read_midi(data), read_elsewhere(data)
        if len(score.parts) == 16:
            continue  # some may have been left out
        found = ((note.time, note.pitch) for their_track in theirs.tracks for note in their_track.notes)
        ours = {(note.onset, note.pitch) for note in score.notes}
        assert {(int(tick * 480 / theirs.tpq + 0.5), pitch) for tick, pitch in found} == ours, name
