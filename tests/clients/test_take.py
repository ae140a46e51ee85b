"""What was played is in the file: exact ticks, humans and machine apart, and nothing that was cut before it sounded."""

from pathlib import Path

from clients.recorder import Recorder
from clients.take import LONG_OVER, Take
from music.files import read_midi
from music.time import Tick
from streaming.messages import PlannedNote, PlayerPart, Start

START = Start(bpm=97, human=(PlayerPart(part=0),), machine=(PlayerPart(part=1, program=32),))


def planned(id: int, tick: int, duration: int = 240, pitch: int = 60) -> PlannedNote:
    return PlannedNote(id=id, tick=tick, duration=duration, part=1, pitch=pitch, velocity=90)


def notes(take: Take, tick: int, folder: Path) -> list[tuple[int, int, int, int, int]]:
    path = folder / "take.mid"
    path.write_bytes(take.midi(Tick(tick)))
    return [(n.onset, n.part, n.pitch, n.velocity, n.duration) for n in read_midi(path).notes]


def test_both_are_there_to_the_tick(tmp_path: Path) -> None:
    take = Take(START)
    take.key(0, 60, 80, Tick(7))
    take.key(0, 60, 0, Tick(493))
    take.note(planned(1, 961, pitch=67))
    assert notes(take, 5_000, tmp_path) == [(7, 0, 60, 80, 486), (961, 1, 67, 90, 240)]
    score = read_midi(tmp_path / "take.mid")
    assert [part.name for part in score.parts] == ["Human 1", "Machine 2"]
    assert round(score.tempos[0].bpm) == 97


def test_what_a_silence_cut_is_as_long_as_it_sounded_and_what_had_not_begun_is_not_there(tmp_path: Path) -> None:
    take = Take(START)
    take.note(planned(1, 480))
    take.note(planned(2, 960, duration=960))
    take.note(planned(3, 1_200))
    take.silence(Tick(1_100))
    take.note(planned(3, 1_200))  # promised again when the clock goes on
    assert notes(take, 9_000, tmp_path) == [(480, 0, 60, 90, 240), (960, 0, 60, 90, 140), (1_200, 0, 60, 90, 240)]


def test_what_sounds_at_the_end_ends_there(tmp_path: Path) -> None:
    take = Take(START)
    take.key(0, 60, 80, Tick(0))
    take.note(planned(1, 0, duration=4_800, pitch=72))
    assert notes(take, 960, tmp_path) == [(0, 0, 60, 80, 960), (0, 1, 72, 90, 960)]


def test_a_long_set_keeps_no_promises_that_are_over() -> None:
    take = Take(START)
    for id in range(1_000):
        take.note(planned(id, id * 240))
    assert len(take._sounding) <= LONG_OVER // 240 + 2


def test_tempi_are_in_the_file(tmp_path: Path) -> None:
    take = Take(START)
    take.tempo(120, Tick(1_920))
    take.key(0, 60, 80, Tick(0))
    notes(take, 3_840, tmp_path)
    tempos = read_midi(tmp_path / "take.mid").tempos
    assert [(tempo.tick, round(tempo.bpm)) for tempo in tempos] == [(0, 97), (1_920, 120)]


def test_every_take_has_a_file_and_an_empty_one_none(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "set.mid")
    recorder.begin(START, Tick(0))
    recorder.begin(START, Tick(0))
    assert recorder.take is not None
    recorder.take.key(0, 60, 80, Tick(0))
    recorder.begin(START, Tick(480))
    recorder.take.note(planned(1, 0))
    assert recorder.end(Tick(480)) == tmp_path / "set-2.mid"
    assert recorder.end(Tick(480)) is None
    assert sorted(file.name for file in tmp_path.iterdir()) == ["set-2.mid", "set.mid"]


def test_who_asks_for_no_file_gets_none() -> None:
    recorder = Recorder(None)
    recorder.begin(START, Tick(0))
    assert recorder.take is None
    assert recorder.end(Tick(9)) is None
