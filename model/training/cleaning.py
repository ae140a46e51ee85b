"""Files to a corpus: broken, dull and repeated ones left out, and nothing in training that is in valid or test.

Which pieces are alike is decided elsewhere; here is decided what follows from it. Thresholds: docs/log.md.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from model.training.archive import Member
from model.training.corpus import SPLITS, Corpus, Dropped, Piece
from model.training.encoding import on_grid
from model.training.likeness import alike, content_hash, windows
from music.errors import BadMidi
from music.files import read_midi
from music.score import Note, Score
from music.time import FREE, NOMINAL_BPM, MeterChange, Tempo, TempoMap, Tick

# The archive's genres, as the vocabulary's styles.
STYLE_OF_GENRE = {
    "full band synthetic": "band",
    "folk": "folk",
    "art song": "song",
    "pop piano arr": "pop",
    "classical mixed": "classical",
    "classical piano": "piano",
    "drums": "drums",
    "jazz solo+bass+chords": "jazz",
    "lead sheets": "lead sheet",
    "hymn": "hymn",
    "game": "game",
    "game/film": "game",
    "string quartet": "quartet",
    "orchestra": "orchestra",
}
TEST_FAMILIES = 40  # one of so many families of the training split is set apart for the test
FEWEST_NOTES = 16
FEWEST_PITCHES = 3
NEAR_SHARE = 0.15  # of the smaller one's stretches of melody: another version of the same tune
NEAR_SHARED = 8  # and at least so many
SAME_OVERLAP = 0.8  # of all their stretches: another copy of the same arrangement


def build_corpus(members: Iterable[Member], progress: Callable[[], object]) -> Corpus:
    """Reads every file; what is left out is said with its reason, never fatal. Same files, same corpus."""
    pieces: list[Piece] = []
    dropped: list[Dropped] = []
    for about, data in members:
        try:
            piece = _piece(about, read_midi(data))
        except BadMidi:
            dropped.append(Dropped(about["source"], about["path"], "broken"))
        else:
            if reason := _dull(piece):
                dropped.append(Dropped(piece.source, piece.path, reason))
            else:
                pieces.append(piece)
        progress()
    for sieve in (_copies, _near):
        reasons = sieve(pieces)
        dropped += [Dropped(pieces[i].source, pieces[i].path, reason) for i, reason in sorted(reasons.items())]
        pieces = [piece for i, piece in enumerate(pieces) if i not in reasons]
    return Corpus(tuple(pieces), tuple(dropped))


def leaks(corpus: Corpus) -> list[tuple[Piece, Piece]]:
    """Pieces of different splits with the same notes, in whatever key. There must be none."""
    seen: dict[str, Piece] = {}
    found = []
    for piece in sorted(corpus.pieces, key=lambda piece: SPLITS.index(piece.split)):
        twin = seen.setdefault(content_hash(piece), piece)
        if twin.split != piece.split:
            found.append((twin, piece))
    return found


def split_of(about: dict[str, str]) -> str:
    """The manifest's, but for the families of its training split that are set apart for the test."""
    family = _family(about)
    lot = int(hashlib.sha256(family.encode()).hexdigest()[:8], 16)
    return "test" if about["split"] == "train" and lot % TEST_FAMILIES == 0 else about["split"]


def unmetered(score: Score) -> Score:
    """A performance without a beat: retimed so that a tick is a millisecond, at a nominal 125 bpm."""
    time, nominal = TempoMap(score.tempos), TempoMap((Tempo.from_bpm(NOMINAL_BPM),))

    def retime(tick: int) -> Tick:
        return nominal.tick_at(time.nanos_at(Tick(tick)))

    notes = [
        Note(retime(n.onset), n.part, n.pitch, n.velocity, max(1, retime(n.end) - retime(n.onset))) for n in score.notes
    ]
    return replace(score, notes=tuple(sorted(notes)), tempos=nominal.changes, meters=(MeterChange(Tick(0), FREE),))


def _family(about: dict[str, str]) -> str:
    return about.get("piece") or about["path"]


def _piece(about: dict[str, str], score: Score) -> Piece:
    if not about["ts"]:
        score = unmetered(score)
    rows = [(n.onset, n.part, n.pitch, n.velocity, n.duration) for n in score.notes]
    return Piece(
        about["source"],
        STYLE_OF_GENRE.get(about["genre"]),
        split_of(about),
        tuple(part.program for part in score.parts),
        score.tempos,
        score.meters,
        on_grid(np.array(rows, np.int32).reshape(-1, 5)),
        about["path"],
        _family(about),
        about.get("licence", ""),
    )


def _dull(piece: Piece) -> str | None:
    if len(piece.notes) < FEWEST_NOTES:
        return f"fewer than {FEWEST_NOTES} notes"
    if len(np.unique(piece.notes[:, 2])) < FEWEST_PITCHES:
        return f"fewer than {FEWEST_PITCHES} pitches"
    return None


def _copies(pieces: list[Piece]) -> dict[int, str]:
    """Those with the notes of another that stays: the one in the earlier split, or the first."""
    first: dict[str, int] = {}
    reasons = {}
    for i in sorted(range(len(pieces)), key=lambda i: SPLITS.index(pieces[i].split)):
        twin = first.setdefault(content_hash(pieces[i]), i)
        if twin != i:
            is_same_split = pieces[twin].split == pieces[i].split
            reasons[i] = "same notes as another" if is_same_split else "same notes as one in valid or test"
    return reasons


def _near(pieces: list[Piece]) -> dict[int, str]:
    """Whole families that are near one of an earlier split, then second copies of an arrangement."""
    pairs = alike([windows(piece) for piece in pieces], [piece.family for piece in pieces])
    rank = np.array([SPLITS.index(piece.split) for piece in pieces])
    across = rank[pairs.first] != rank[pairs.second]
    near = across & (pairs.share >= NEAR_SHARE) & (pairs.shared >= NEAR_SHARED)
    later = np.where(rank[pairs.first] > rank[pairs.second], pairs.first, pairs.second)[near]
    shut_out = {(pieces[i].family, pieces[i].split) for i in later.tolist()}
    reasons = {i: "near a piece of valid or test" for i, p in enumerate(pieces) if (p.family, p.split) in shut_out}
    same = ~across & (pairs.overlap >= SAME_OVERLAP)
    for a, b in zip(pairs.first[same].tolist(), pairs.second[same].tolist(), strict=True):
        if a not in reasons and b not in reasons:
            reasons[b] = "nearly the same notes as another"
    return reasons
