"""How the prompts were chosen: from pieces that no network of ours learns from, by a seed, the same ones every time.

Sources take turns, within a source its pieces, so that neither a large source nor a long piece drowns the others.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, zip_longest
from pathlib import Path
from typing import Final, TypeVar

import numpy as np

from model.evaluation.passage import Passage
from model.evaluation.suite.prompts import Place, passage_at
from model.evaluation.trials import ANSWER_BARS, PROMPT_BARS, SHORTEST_BAR, is_music
from model.training.archive import members
from model.training.corpus import Corpus, Piece
from music.files import read_midi
from music.score import Score
from music.time import FREE, Bar, MeterMap, Tick

SEED: Final = 4
COUNTS: Final = {"multi": 320, "piano": 112}
MOST_OF_A_PIECE: Final = 8
KEYBOARDS: Final = frozenset(range(8))
PIANO_STYLES: Final = ("piano", "pop", "classical")  # folk tunes and lead sheets have a piano's program, too
WHOLE: Final = PROMPT_BARS + ANSWER_BARS

T = TypeVar("T")


def choose(archive: Path, corpus: Corpus, split: str = "test") -> str:
    """The file of the set, as text. `corpus`: what was built of the archive, without copies, in splits."""
    held_out = {piece.path: piece for piece in corpus.split(split).pieces if piece.meters[0].meter != FREE}
    found: dict[str, dict[str, dict[str, list[Place]]]] = {kind: defaultdict(dict) for kind in COUNTS}
    hashes: dict[str, str] = {}
    for about, data in members(archive):
        if (piece := held_out.get(about["path"])) is None:
            continue
        hashes[piece.path] = hashlib.sha256(data).hexdigest()
        for kind, places in _places(read_midi(data), piece).items():
            found[kind][piece.source].setdefault(piece.family, _shuffled(places)[:MOST_OF_A_PIECE])  # one version
    chosen = [place for kind, sources in found.items() for place in _named(kind, sources)]
    pieces = {path: _about(held_out[path], hashes[path]) for path in sorted({place.path for place in chosen})}
    return _text(pieces, chosen)


def _places(score: Score, piece: Piece) -> dict[str, list[Place]]:
    """By kind: stretches of the piece that are prompt and truth, none of which overlap."""
    places: dict[str, list[Place]] = defaultdict(list)
    numbered = list(enumerate(_bars(score), 1))
    taken = 0
    for number, bar in numbered:
        if number > taken and _is_steady(score, bar):
            whole = passage_at(score, bar, WHOLE)
            kind = _kind(whole.cut(0, PROMPT_BARS), whole.cut(PROMPT_BARS, ANSWER_BARS), piece)
            if kind is not None:
                places[kind].append(Place(kind, piece.path, number))
                taken = number + WHOLE - 1
    return places


def _bars(score: Score) -> Iterator[Bar]:
    meters = MeterMap(score.meters)
    bar = meters.bar_at(Tick(0))
    while bar.tick < score.end:
        yield bar
        bar = meters.next_bar(bar)


def _is_steady(score: Score, bar: Bar) -> bool:
    end = bar.tick + WHOLE * bar.meter.bar_ticks
    is_bar = bar.meter != FREE and bar.meter.bar_ticks >= SHORTEST_BAR
    return is_bar and not any(bar.tick < change.tick < end for change in score.meters)


def _kind(prompt: Passage, truth: Passage, piece: Piece) -> str | None:
    if not (is_music(prompt) and is_music(truth)):
        return None
    before, after = ({part.programs[note.part] for note in part.notes} for part in (prompt, truth))
    if before | after <= KEYBOARDS:
        return "piano" if piece.style in PIANO_STYLES else None
    return "multi" if len(before) > 1 and len(after) > 1 else None


def _named(kind: str, sources: Mapping[str, Mapping[str, list[Place]]]) -> list[Place]:
    by_source = [
        _in_turn(pieces[family] for family in _shuffled(sorted(pieces))) for _, pieces in sorted(sources.items())
    ]
    chosen = _in_turn(by_source)[: COUNTS[kind]]
    return [Place(f"{kind}-{i:03}", place.path, place.bar) for i, place in enumerate(chosen, 1)]


def _in_turn(rows: Iterable[list[T]]) -> list[T]:
    """The first of each, the second of each, and so on."""
    return [each for each in chain.from_iterable(zip_longest(*rows)) if each is not None]


def _shuffled(items: list[T]) -> list[T]:
    return [items[i] for i in np.random.default_rng(SEED).permutation(len(items))]


def _about(piece: Piece, sha256: str) -> dict[str, str]:
    return {"sha256": sha256, "source": piece.source, "licence": piece.licence, "piece": piece.family}


def _text(pieces: Mapping[str, object], places: Iterable[Place]) -> str:
    """JSON, a line for each piece and each prompt."""
    about = ",\n".join(f"{json.dumps(path)}: {json.dumps(each)}" for path, each in pieces.items())
    rows = ",\n".join(json.dumps([place.name, place.path, place.bar]) for place in places)
    return f'{{"pieces": {{\n{about}\n}},\n"prompts": [\n{rows}\n]}}\n'
