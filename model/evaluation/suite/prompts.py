"""The benchmark's prompts: where in which pieces they are, and the music itself, read from the archive.

The set is a file of paths, hashes and bars; it holds no music. Knows no network and nobody's continuations.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from model.evaluation.passage import Passage, trimmed
from model.evaluation.trials import ANSWER_BARS, PROMPT_BARS
from model.training.archive import members
from music.errors import BadCheckpoint
from music.files import read_midi
from music.score import Score
from music.time import Bar, MeterMap, TempoMap, Tick

VERSION: Final = 1
FILE: Final = Path(__file__).with_name(f"prompts-{VERSION}.json")
KINDS: Final = ("multi", "piano")
QUICK: Final = {"multi": 32, "piano": 16}  # the first ones: sources take turns, so they are a fair sample


@dataclass(frozen=True, slots=True)
class Place:
    """Of a prompt in its piece."""

    name: str  # of its files, too
    path: str  # in the archive
    bar: int  # the prompt's first, from 1; the truth follows it

    @property
    def kind(self) -> str:
        return self.name.partition("-")[0]


@dataclass(frozen=True, slots=True)
class PromptSet:
    places: tuple[Place, ...]  # by kind, and in an order whose beginnings are fair samples
    pieces: Mapping[str, Mapping[str, str]]  # path -> sha256, source, licence, and the piece that it is a version of
    sha256: str  # of the whole set, quick or not

    def quick(self) -> "PromptSet":
        first = [place for kind in KINDS for place in [p for p in self.places if p.kind == kind][: QUICK[kind]]]
        return PromptSet(tuple(first), self.pieces, self.sha256)


@dataclass(frozen=True, slots=True)
class Prompt:
    """Four bars to go on from, and how the piece itself goes on for eight more."""

    place: Place
    piece: str  # the same for all its versions
    prompt: Passage  # with those players alone who play in it
    truth: Passage


@cache
def prompt_set(file: Path = FILE) -> PromptSet:
    data = file.read_bytes()
    found: dict[str, Any] = json.loads(data)
    places = tuple(Place(*row) for row in found["prompts"])
    return PromptSet(places, found["pieces"], hashlib.sha256(data).hexdigest())


def read_prompts(archive: Path, wanted: PromptSet, progress: Callable[[], object] = lambda: None) -> list[Prompt]:
    """In the set's order. Raises BadCheckpoint where the archive does not hold the very files."""
    by_path: dict[str, list[Place]] = defaultdict(list)
    for place in wanted.places:
        by_path[place.path].append(place)
    found: dict[str, Prompt] = {}
    for about, data in members(archive):
        if places := by_path.pop(about["path"], None):
            _check(about["path"], data, wanted)
            score = read_midi(data)
            for place in places:
                found[place.name] = prompt_at(score, place, wanted.pieces[place.path]["piece"])
                progress()
        if not by_path:
            break
    if by_path:
        missing = min(by_path)
        raise BadCheckpoint(f"expected {missing} in {archive}, from which the prompts are, got none")
    return [found[place.name] for place in wanted.places]


def prompt_at(score: Score, place: Place, piece: str) -> Prompt:
    meters = MeterMap(score.meters)
    bar = meters.bar_at(Tick(0))
    for _ in range(place.bar - 1):
        bar = meters.next_bar(bar)
    whole = passage_at(score, bar, PROMPT_BARS + ANSWER_BARS)
    return Prompt(place, piece, heard(whole.cut(0, PROMPT_BARS)), heard(whole.cut(PROMPT_BARS, ANSWER_BARS)))


def passage_at(score: Score, bar: Bar, bars: int) -> Passage:
    """Exact to the tick, in the meter and tempo that hold where it begins."""
    notes = trimmed(score.notes, bar.tick, bar.tick + bars * bar.meter.bar_ticks)
    programs = tuple(part.program for part in score.parts)
    return Passage(notes, programs, bars, bar.meter, TempoMap(score.tempos).bpm_at(bar.tick))


def heard(passage: Passage) -> Passage:
    """Without the parts that are silent: whoever goes on from a file knows no more of it."""
    playing = sorted({note.part for note in passage.notes})
    programs = tuple(passage.programs[part] for part in playing)
    place = {part: i for i, part in enumerate(playing)}
    notes = tuple(
        type(note)(note.onset, place[note.part], note.pitch, note.velocity, note.duration) for note in passage.notes
    )
    return Passage(notes, programs, passage.bars, passage.meter, passage.bpm)


def _check(path: str, data: bytes, wanted: PromptSet) -> None:
    expected, got = wanted.pieces[path]["sha256"], hashlib.sha256(data).hexdigest()
    if expected != got:
        raise BadCheckpoint(f"expected {path} with the SHA-256 {expected[:12]}..., got {got[:12]}...: another archive")
