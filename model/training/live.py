"""What live play does to the parts of a piece: players answer each other, come in late, pause, and miss the grid.

Works on the notes of one crop, whose first bar line is tick 0. Knows no grammar.

What a live transcript has that real music has, too, needs nothing here: forced human parts beside the machine's, a
header whose players are still silent, rewinds (the transcript after one is an ordinary beginning of a piece). The
length of a key still held is drawn from the network itself, so it is what the network expects.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.tokens.vocabulary import PARTS
from model.training.encoding import steps_of
from model.training.variation import Rng
from music.score import DRUMS
from music.time import TICKS_PER_QUARTER

PHRASE_GAP = TICKS_PER_QUARTER // 2  # a silence so long ends a phrase
TURNS = (1, 2, 2, 4, 4, 8)  # bars
LONGEST_JITTER_MS = 30.0


@dataclass(slots=True)
class Scene:
    """Notes (n, 5) as in a piece, and the programs of all players, silent ones too."""

    notes: NDArray[np.int64]
    programs: dict[int, int]

    def keep(self, chosen: NDArray[np.bool_]) -> None:
        self.notes = self.notes[chosen]

    def sort(self) -> None:
        """By grid step, part and pitch; of two notes that fall together the louder stays."""
        step = steps_of(self.notes[:, 0])
        key = ((step * 16 + self.notes[:, 1]) * 128 + self.notes[:, 2]) * 128 + 127 - self.notes[:, 3]
        self.notes = self.notes[np.argsort(key)]
        key.sort()
        self.keep(np.diff(key >> 7, prepend=-1) != 0)


def drop_parts(scene: Scene, rng: Rng) -> None:
    """Leaves out some parts, never all that play here."""
    stays = int(rng.choice(scene.notes[:, 1]))
    for part in list(scene.programs):
        if part != stays and rng.random() < 0.4:
            del scene.programs[part]
    scene.keep(np.isin(scene.notes[:, 1], list(scene.programs)))


def trade(scene: Scene, bar_ticks: int, rng: Rng) -> None:
    """Hands one part back and forth between two players of the same instrument: call and response.

    At bar lines, or where a phrase ends, which is when a live answer comes. In one of three crops the two are alone.
    There must be room for one more player.
    """
    part = _any_part(scene, rng)
    if rng.random() < 1 / 3:
        scene.programs = {part: scene.programs[part]}
        scene.keep(scene.notes[:, 1] == part)
    notes, partner = scene.notes, min(set(range(PARTS)) - scene.programs.keys())
    turn = int(rng.choice(TURNS)) * bar_ticks
    own = notes[:, 1] == part
    ends = np.maximum.accumulate(notes[own, 0] + notes[own, 4])
    new_phrase = notes[own, 0] - np.append(0, ends[:-1]) >= PHRASE_GAP
    if rng.random() < 0.5 and new_phrase.any():
        goes_on = _turns(notes[own, 0], np.flatnonzero(new_phrase), turn)
    else:
        goes_on = notes[own, 0] // turn
    notes[own, 1] = np.where(goes_on % 2 == 1, partner, part)
    scene.programs[partner] = scene.programs[part]


def rest(scene: Scene, bar_ticks: int, rng: Rng) -> None:
    """One part of several is silent from the beginning, up to the end, or between."""
    part = _any_part(scene, rng)
    onset, own = scene.notes[:, 0], scene.notes[:, 1] == part
    if own.all():
        return
    length = rng.uniform(0.5, 8) * bar_ticks
    kind = rng.random()
    first = 0.0 if kind < 0.5 else rng.uniform(0, onset[-1] + 1)
    last = np.inf if kind > 0.8 else first + length
    scene.keep(~(own & (onset >= first) & (onset < last)))


def jitter(scene: Scene, bpm: float, rng: Rng) -> None:
    """One part early or late by some milliseconds: its own habit, each onset, and a little each note of a chord."""
    own = scene.notes[:, 1] == _any_part(scene, rng)
    onset = scene.notes[own, 0]
    spread = rng.uniform(2, 12)
    chord = np.cumsum(np.diff(onset, prepend=-1) != 0) - 1
    together = rng.normal(rng.uniform(-8, 8), spread, int(chord[-1]) + 1)
    off_ms = (together[chord] + rng.normal(0, spread / 4, len(onset))).clip(-LONGEST_JITTER_MS, LONGEST_JITTER_MS)
    ticks = np.rint(off_ms * bpm * TICKS_PER_QUARTER / 60_000).astype(np.int64)
    scene.notes[own, 0] = (onset + ticks).clip(0)


def _any_part(scene: Scene, rng: Rng) -> int:
    """One that plays here, a tuned one where there is one, the likelier the more it plays."""
    playing = scene.notes[:, 1]
    tuned = np.isin(playing, [part for part, program in scene.programs.items() if program != DRUMS])
    return int(rng.choice(playing[tuned] if tuned.any() else playing))


def _turns(onset: NDArray[np.int64], phrases: NDArray[np.int64], turn: int) -> NDArray[np.int64]:
    """The number of each note's turn: a turn lasts at least `turn` ticks, and ends where a phrase does."""
    switches, since = [], int(onset[0])
    for index in phrases.tolist():
        if onset[index] - since >= turn:
            switches.append(index)
            since = int(onset[index])
    return np.searchsorted(switches, np.arange(len(onset)), side="right") if switches else onset * 0
