"""MIDI files that are too much for their reader cost the reader, and nobody else."""

import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
import msgpack
import pytest
from hypothesis import given, settings

from music.errors import BadMidi
from music.files import read_midi, write_midi
from music.score import Score
from server.rest.midi_process import packed, unpacked
from server.rest.midi_reader import MidiReader
from tests.music.smf_bytes import ACCEPTED, REFUSED
from tests.server.running import run_server
from tests.strategies import scores

HOSTILE = "tests.server.rest.hostile_midi"
LIMITS = "within the limits of time and memory"


@pytest.fixture(scope="module")
def hostile() -> Iterator[MidiReader]:
    reader = MidiReader(HOSTILE, clock_s=4.0)
    yield reader
    reader.close()


@settings(max_examples=20)
@given(scores())
def test_a_score_is_the_same_after_its_way_through_a_pipe(score: Score) -> None:
    assert unpacked(msgpack.unpackb(packed(score), use_list=False)) == score


def test_a_file_is_read_as_it_is_without_a_process_and_the_process_stays(hostile: MidiReader) -> None:
    processes = set()
    for midi in ACCEPTED.values():
        assert hostile.read(midi) == read_midi(midi)
        processes.add(hostile._process)
    for midi, words in REFUSED.values():
        with pytest.raises(BadMidi) as refusal:
            hostile.read(midi)
        assert words in str(refusal.value)
        processes.add(hostile._process)
    assert len(processes) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such limits")
@pytest.mark.parametrize("harm", [b"hangs", b"eats", b"dies", b"tells half"])
def test_a_file_that_harms_its_reader_is_refused_and_the_next_one_is_read(hostile: MidiReader, harm: bytes) -> None:
    with pytest.raises(BadMidi, match=LIMITS):
        hostile.read(harm)
    midi = next(iter(ACCEPTED.values()))
    assert hostile.read(midi) == read_midi(midi)


def test_a_reader_that_only_sleeps_is_killed_by_the_clock() -> None:
    reader = MidiReader(HOSTILE, clock_s=0.5)
    began = time.monotonic()
    with pytest.raises(BadMidi, match=LIMITS):
        reader.read(b"sleeps")
    assert 0.5 <= time.monotonic() - began < 4
    assert reader._process is None


def test_a_reader_that_died_between_two_files_is_started_again(hostile: MidiReader) -> None:
    midi = next(iter(ACCEPTED.values()))
    hostile.read(midi)
    assert hostile._process is not None
    hostile._process.kill()
    hostile._process.wait()
    assert hostile.read(midi) == read_midi(midi)


def test_a_reader_leaves_when_nobody_sends_files_any_more() -> None:
    process = subprocess.Popen([sys.executable, "-m", HOSTILE], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.communicate(b"", timeout=20)
    assert process.returncode == 0


def test_over_rest_it_is_422_and_the_next_upload_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.rest.errands.MidiReader", lambda: MidiReader(HOSTILE))
    midi = write_midi(read_midi(next(iter(ACCEPTED.values()))))
    with run_server() as running:
        url, kind = f"{running.http}/v1/generations?bars=1", {"content-type": "audio/midi"}
        refused = httpx.post(url, content=b"eats", headers=kind, trust_env=False, timeout=20)
        assert (refused.status_code, refused.json()["code"]) == (422, "bad_midi")
        assert LIMITS in refused.json()["detail"]
        assert httpx.post(url, content=midi, headers=kind, trust_env=False, timeout=20).status_code == 202
