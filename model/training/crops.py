"""Training examples: windows of pieces from a bar line on, behind their header, varied as live play varies.

A crop is a pure function of the piece and a random generator.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.tokens.codec import Encoder, Header, read_state, unison_free
from model.tokens.vocabulary import END, FASTEST_BPM, PARTS, SLOWEST_BPM
from model.training.corpus import Corpus, Notes, Piece
from music.score import DRUMS, Note
from music.time import MeterChange, MeterMap, TempoMap, Tick

# How often a source is drawn, against its share of the notes: machine-made accompaniment counts less,
# bands and live players count more.
SOURCE_WEIGHT = {
    "mma_band": 0.35,
    "pop909": 1.5,
    "weimar_jazz": 2.0,
    "pianomidi_de": 2.0,
    "giantmidi_sample": 2.0,
    "openscore_quartets": 0.5,
    "openscore_orchestra": 0.5,
    **dict.fromkeys(("freedoom", "simutrans", "planetblupi", "tannerhelland"), 3.0),
    **dict.fromkeys(("openmsx", "easyrpg", "dmidiplayer"), 3.0),
}
SHORTEST_NOTES = 4  # in a crop; below, the draw is repeated


@dataclass(frozen=True, slots=True, kw_only=True)
class Variation:
    """How strongly crops are varied. Shares are probabilities."""

    transpose: tuple[int, int] = (-6, 5)  # semitones, drums apart
    velocity: float = 0.15  # scale within 1 +- this
    tempo: float = 0.05  # the header's tempo within 1 +- this
    no_style: float = 0.5
    drop_parts: float = 0.2  # a crop plays with some parts left out
    trade: float = 0.3  # one part is handed back and forth between two players


PLAIN = Variation(transpose=(0, 0), velocity=0, tempo=0, no_style=0, drop_parts=0, trade=0)
Rng = np.random.Generator


class CropSampler:
    """Endless crops of exactly `length` tokens; what a piece leaves free is filled by the next."""

    def __init__(self, corpus: Corpus, *, length: int, variation: Variation, seed: int) -> None:
        self._pieces = [piece for piece in corpus.pieces if len(piece.notes) >= SHORTEST_NOTES]
        weight = np.array([len(p.notes) * SOURCE_WEIGHT.get(p.source, 1.0) for p in self._pieces])
        self._up_to = weight.cumsum() / weight.sum()
        self._length, self._variation = length, variation
        self._rng = np.random.default_rng(seed)

    def batch(self, size: int) -> NDArray[np.int64]:
        """(size, length)"""
        return np.stack([self._window() for _ in range(size)])

    def _window(self) -> NDArray[np.int64]:
        tokens: list[int] = []
        while len(tokens) < self._length:
            piece = self._pieces[int(np.searchsorted(self._up_to, self._rng.random()))]
            tokens += crop(piece, self._length - len(tokens), self._variation, self._rng)
        return np.array(tokens[: self._length], np.int64)


def crop(piece: Piece, length: int, variation: Variation, rng: Rng) -> list[int]:
    """At most about `length` tokens from a random bar line on; ends with `end` if the piece does."""
    meters = MeterMap(piece.meters)
    first = int(rng.integers(len(piece.notes)))
    start = meters.bar_at(Tick(int(piece.notes[first, 0]))).tick
    first = int(np.searchsorted(piece.notes[:, 0], start))
    notes = piece.notes[first : first + max(length // 3, SHORTEST_NOTES)].copy()
    whole = first + len(notes) == len(piece.notes)
    return encode_crop(piece, notes, start, meters, variation, rng, whole=whole)


def encode_crop(
    piece: Piece, notes: Notes, start: Tick, meters: MeterMap, variation: Variation, rng: Rng, *, whole: bool
) -> list[int]:
    notes[:, 0] -= start
    programs = dict(enumerate(piece.programs))
    if rng.random() < variation.drop_parts:
        notes = _drop_parts(notes, programs, rng)
    if rng.random() < variation.trade and len(programs) < PARTS:
        _trade(notes, programs, meters.bar_at(start).meter.bar_ticks, rng)
    order = rng.permutation(len(programs)) if variation.drop_parts else np.arange(len(programs))
    places = dict(zip(sorted(programs), map(int, order), strict=True))
    drums = {part for part, program in programs.items() if program == DRUMS}
    shift = int(rng.integers(variation.transpose[0], variation.transpose[1] + 1))
    scale = 1 + variation.velocity * (2 * rng.random() - 1)
    music = [
        Note(Tick(onset), places[part], pitch + (0 if part in drums else shift), _scaled(velocity, scale), duration)
        for onset, part, pitch, velocity, duration in notes.tolist()
        if part in drums or 0 <= pitch + shift <= 127
    ]
    header = Header(
        programs={places[part]: program for part, program in programs.items()},
        meter=meters.bar_at(start).meter,
        bpm=_header_bpm(piece, start, variation, rng),
        style=None if rng.random() < variation.no_style else piece.style,
    )
    return encode_notes(header, music, _from(meters, start), whole=whole)


def encode_notes(header: Header, notes: Sequence[Note], meters: MeterMap, *, whole: bool) -> list[int]:
    tokens = header.tokens()
    encoder = Encoder(meters, read_state(tokens))
    for note in unison_free(notes):
        tokens += encoder.note(note)
    return [*tokens, END[0]] if whole and encoder.state.bars else tokens


def plain_crop(piece: Piece, length: int, rng: Rng) -> list[int]:
    """A crop as it stands in the file, cut to `length`: for validation."""
    return crop(piece, length, PLAIN, rng)[:length]


def _from(meters: MeterMap, start: Tick) -> MeterMap:
    later = [MeterChange(Tick(c.tick - start), c.meter) for c in meters.changes if c.tick > start]
    return MeterMap([MeterChange(Tick(0), meters.bar_at(start).meter), *later])


def _scaled(velocity: int, scale: float) -> int:
    return min(127, max(1, round(velocity * scale)))


def _header_bpm(piece: Piece, start: Tick, variation: Variation, rng: Rng) -> float:
    bpm = TempoMap(piece.tempos).bpm_at(start) * (1 + variation.tempo * (2 * rng.random() - 1))
    return min(FASTEST_BPM, max(SLOWEST_BPM, bpm))


def _drop_parts(notes: Notes, programs: dict[int, int], rng: Rng) -> Notes:
    """Leaves out some parts, never all that play here."""
    playing = np.unique(notes[:, 1])
    stays = playing[rng.integers(len(playing))]
    for part in list(programs):
        if part != stays and rng.random() < 0.4:
            del programs[part]
    return notes[np.isin(notes[:, 1], list(programs))]


def _trade(notes: Notes, programs: dict[int, int], bar_ticks: int, rng: Rng) -> None:
    """Hands every other stretch of one part to a second player of the same instrument: call and response."""
    part = int(rng.choice(np.unique(notes[:, 1])))
    partner = max(programs) + 1
    bars = int(rng.choice([1, 2, 2, 4, 4, 8]))
    stretch = (notes[:, 0] // (bars * bar_ticks)) % 2 == 1
    notes[(notes[:, 1] == part) & stretch, 1] = partner
    programs[partner] = programs[part]
