"""Training examples: windows of pieces from a bar line on, behind their header, varied as live play varies.

A crop is a pure function of the piece and a random generator; a batch, of the seed and its number.
"""

from bisect import bisect_right

import numpy as np
from numpy.typing import NDArray

from model.tokens.codec import Header, step_of
from model.tokens.vocabulary import FASTEST_BPM, PARTS, SLOWEST_BPM
from model.training.corpus import Corpus, Notes, Piece
from model.training.encoding import Tokens, bars_from, encode
from model.training.live import Scene, drop_parts, jitter, rest, trade
from model.training.variation import PLAIN, Rng, Variation
from music.score import DRUMS
from music.time import MeterMap, Tick

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
SHORTEST_NOTES = 4  # in a crop


class CropSampler:
    """Endless batches of crops; what a piece leaves free of a row is filled by the next."""

    def __init__(self, corpus: Corpus, *, variation: Variation, seed: int) -> None:
        self._pieces = [piece for piece in corpus.pieces if len(piece.notes) >= SHORTEST_NOTES]
        weight = np.array([len(p.notes) * SOURCE_WEIGHT.get(p.source, 1.0) for p in self._pieces])
        self._up_to = weight.cumsum() / weight.sum()
        self._variation, self._seed = variation, seed

    def batch(self, number: int, size: int, length: int) -> NDArray[np.int64]:
        """(size, length). The same number gives the same batch."""
        rng = np.random.default_rng((self._seed, number))
        return np.stack([self._row(length, rng) for _ in range(size)])

    def _row(self, length: int, rng: Rng) -> Tokens:
        row = np.empty(length, np.int64)
        filled = 0
        while filled < length:
            piece = self._pieces[int(np.searchsorted(self._up_to, rng.random(), side="right"))]
            tokens = crop(piece, length - filled, self._variation, rng)[: length - filled]
            row[filled : filled + len(tokens)] = tokens
            filled += len(tokens)
        return row


def crop(piece: Piece, length: int, variation: Variation, rng: Rng) -> Tokens:
    """At most about `length` tokens from a random bar line on; ends with `end` if the piece does."""
    meters = MeterMap(piece.meters)
    start = meters.bar_at(Tick(int(piece.notes[rng.integers(len(piece.notes)), 0]))).tick
    first = int(np.searchsorted(piece.notes[:, 0], start))
    notes = piece.notes[first : first + max(length // 3, SHORTEST_NOTES)]
    return encode_crop(piece, notes, start, meters, variation, rng, whole=first + len(notes) == len(piece.notes))


def encode_crop(
    piece: Piece, notes: Notes, start: Tick, meters: MeterMap, variation: Variation, rng: Rng, *, whole: bool
) -> Tokens:
    """`notes` of the piece, as they sound from the bar line at `start` on."""
    meter, bpm = meters.bar_at(start).meter, _bpm_at(piece, start)
    shifted = notes.astype(np.int64)
    shifted[:, 0] -= start
    scene = Scene(shifted, dict(enumerate(piece.programs)))
    if rng.random() < variation.drop_parts:
        drop_parts(scene, rng)
    if rng.random() < variation.trade and len(scene.programs) < PARTS:
        trade(scene, meter.bar_ticks, rng)
    if rng.random() < variation.rest:
        rest(scene, meter.bar_ticks, rng)
    if rng.random() < variation.jitter:
        jitter(scene, bpm, rng)
    _vary(scene, variation, rng)
    header = Header(
        programs=scene.programs,
        meter=meter,
        bpm=min(FASTEST_BPM, max(SLOWEST_BPM, bpm * (1 + variation.tempo * (2 * rng.random() - 1)))),
        style=None if rng.random() < variation.no_style else piece.style,
    )
    scene.sort()
    bars = bars_from(meters, start, step_of(int(scene.notes[:, 0].max(initial=0))))
    return encode(header.tokens(), scene.notes, bars, whole=whole)


def plain_crop(piece: Piece, length: int, rng: Rng) -> list[int]:
    """A crop as it stands in the file, cut to `length`: for validation."""
    tokens: list[int] = crop(piece, length, PLAIN, rng)[:length].tolist()
    return tokens


def whole_piece(piece: Piece) -> Tokens:
    """All of it, as it stands in the file."""
    meters, rng = MeterMap(piece.meters), np.random.default_rng(0)
    return encode_crop(piece, piece.notes, Tick(0), meters, PLAIN, rng, whole=True)


def _vary(scene: Scene, variation: Variation, rng: Rng) -> None:
    """Transposed, each player louder or softer, and the players in another order."""
    notes, parts = scene.notes, sorted(scene.programs)
    loudness, place, tuned = np.ones(PARTS), np.zeros(PARTS, np.int64), np.zeros(PARTS, np.bool_)
    loudness[parts] += variation.velocity * (2 * rng.random(len(parts)) - 1)
    place[parts] = rng.permutation(len(parts)) if variation.permute else np.arange(len(parts))
    tuned[parts] = [scene.programs[part] != DRUMS for part in parts]
    shift = int(rng.integers(variation.transpose[0], variation.transpose[1] + 1))
    part = notes[:, 1]
    notes[:, 2] += shift * tuned[part]
    notes[:, 3] = np.rint(notes[:, 3] * loudness[part]).clip(1, 127)
    notes[:, 1] = place[part]
    scene.notes = notes[(notes[:, 2] >= 0) & (notes[:, 2] <= 127)]
    scene.programs = {int(place[part]): program for part, program in scene.programs.items()}


def _bpm_at(piece: Piece, tick: Tick) -> float:
    return piece.tempos[max(0, bisect_right(piece.tempos, tick, key=lambda tempo: tempo.tick) - 1)].bpm
