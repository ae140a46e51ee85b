"""How strongly training examples are varied."""

from dataclasses import dataclass

import numpy as np

Rng = np.random.Generator


@dataclass(frozen=True, slots=True, kw_only=True)
class Variation:
    """Shares are probabilities, of a crop."""

    transpose: tuple[int, int] = (-6, 5)  # semitones, drums apart
    velocity: float = 0.15  # each part's scale within 1 +- this
    tempo: float = 0.05  # the header's tempo within 1 +- this
    permute: bool = True  # any part may be any player's
    no_style: float = 0.5  # share without style: a live header has none
    drop_parts: float = 0.2  # share with some parts left out
    trade: float = 0.3  # share in which one part is handed back and forth between two players
    rest: float = 0.2  # share in which one part enters late, pauses or leaves early
    jitter: float = 0.25  # share in which one part is off the grid, as a human is


PLAIN = Variation(
    transpose=(0, 0), velocity=0, tempo=0, permute=False, no_style=0, drop_parts=0, trade=0, rest=0, jitter=0
)
