"""Phrases as hands play them: uneven, overlapping, some notes short. Ours, and any that a MIDI file holds.

Knows no ports. The gaps in which no key is down stay well below the pause after which the machine answers.
"""

import tarfile
from collections.abc import Sequence
from itertools import accumulate, takewhile
from pathlib import Path
from typing import Final

from benchmarks.performance import Phrase, Struck
from music.files import read_midi
from music.time import TempoMap, Tick

LONGEST_GAP_S: Final = 0.25
SHORTEST_S: Final = 6.0
LONGEST_S: Final = 9.0


def from_file(path: Path) -> Phrase:
    """The first six to nine seconds of its first part in which there is no pause."""
    score = read_midi(path)
    clock = TempoMap(score.tempos)

    def seconds(tick: Tick) -> float:
        return clock.nanos_at(tick) / 1e9

    played = [
        Struck(seconds(note.onset), seconds(note.end), note.pitch, note.velocity)
        for note in score.notes
        if note.part == 0
    ]
    return _from_zero(next(phrase for i in range(len(played)) if (phrase := _without_pause(played[i:]))))


def only_member(archive: Path, name: str, target: Path) -> Path:
    """Unpack the first file of a tar archive whose name contains `name`, and nothing else."""
    with tarfile.open(archive) as members:
        content = next(members.extractfile(member) for member in members if name in member.name)
        assert content is not None
        target.write_bytes(content.read())
    return target


def _without_pause(notes: Sequence[Struck]) -> Phrase | None:
    """The beginning of `notes`, up to the last one that ends in time; None if there is a pause, or too little."""
    phrase = tuple(takewhile(lambda note: note.up_s - notes[0].down_s <= LONGEST_S, notes))
    silent_since = list(accumulate((note.up_s for note in phrase), max))
    has_pause = any(note.down_s - up_s > LONGEST_GAP_S for up_s, note in zip(silent_since, phrase[1:], strict=False))
    if not phrase or has_pause or silent_since[-1] - phrase[0].down_s < SHORTEST_S:
        return None
    return phrase


def _from_zero(phrase: Phrase) -> Phrase:
    start = phrase[0].down_s
    return tuple(Struck(note.down_s - start, note.up_s - start, note.pitch, note.velocity) for note in phrase)


# Eight bars of a slow tune over 120 bpm, by a hand that rushes the runs and lingers on the long notes.
TUNE: Final[Phrase] = tuple(
    Struck(down_ms / 1000, up_ms / 1000, pitch, velocity)
    for down_ms, up_ms, pitch, velocity in (
        (0, 462, 60, 71),
        (0, 1480, 48, 52),
        (487, 733, 64, 64),
        (742, 1009, 65, 69),
        (981, 1521, 67, 84),
        (1508, 1760, 69, 73),
        (1771, 2048, 67, 66),
        (2013, 2950, 72, 91),
        (2031, 3420, 53, 50),
        (2968, 3212, 71, 70),
        (3204, 3399, 69, 62),
        (3377, 3640, 67, 65),
        (3611, 4003, 65, 68),
        (3996, 4871, 64, 80),
        (4012, 5390, 48, 49),
        (4889, 5120, 62, 63),
        (5133, 5377, 64, 67),
        (5361, 5602, 65, 72),
        (5590, 6010, 62, 66),
        (5998, 6690, 59, 70),
        (6021, 6902, 43, 54),
        (6677, 6931, 60, 58),
    )
)
