"""Keys and chords by name, as sets of pitch classes. Knows no voicing and no notes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from music.errors import BadSetting

PitchClasses = frozenset[int]  # 0 is C

LETTERS: Final = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
SCALES: Final = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "harmonic minor": (0, 2, 3, 5, 7, 8, 11),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "blues": (0, 3, 5, 6, 7, 10),
    "major pentatonic": (0, 2, 4, 7, 9),
    "minor pentatonic": (0, 3, 5, 7, 10),
}
CHORDS: Final = {
    "": (0, 4, 7),
    "m": (0, 3, 7),
    "5": (0, 7),
    "6": (0, 4, 7, 9),
    "m6": (0, 3, 7, 9),
    "7": (0, 4, 7, 10),
    "m7": (0, 3, 7, 10),
    "maj7": (0, 4, 7, 11),
    "mmaj7": (0, 3, 7, 11),
    "9": (0, 2, 4, 7, 10),
    "m9": (0, 2, 3, 7, 10),
    "maj9": (0, 2, 4, 7, 11),
    "add9": (0, 2, 4, 7),
    "13": (0, 2, 4, 7, 9, 10),
    "7b9": (0, 1, 4, 7, 10),
    "sus2": (0, 2, 7),
    "sus4": (0, 5, 7),
    "7sus4": (0, 5, 7, 10),
    "dim": (0, 3, 6),
    "dim7": (0, 3, 6, 9),
    "m7b5": (0, 3, 6, 10),
    "aug": (0, 4, 8),
}
ALIASES: Final = {"M7": "maj7", "min": "m", "-": "m", "-7": "m7", "min7": "m7", "o": "dim", "o7": "dim7", "+": "aug"}
LONGEST_CHART: Final = 64  # bars
MOST_CHORDS: Final = 4  # in a bar

# How well each degree fits: Krumhansl and Kessler, 1982 (Psychological Review 89).
MAJOR_PROFILE: Final = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
MINOR_PROFILE: Final = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)


@dataclass(frozen=True, slots=True)
class Key:
    tonic: int
    scale: str

    @classmethod
    def parse(cls, text: str) -> "Key":
        """ "C", "F# minor", "Bb blues"."""
        found = re.fullmatch(r"([A-G][#b]?)(?: ([a-z ]+))?", text)
        scale = (found[2] or "major") if found else ""
        if not found or scale not in SCALES:
            raise BadSetting(f"expected a key such as C major or F# minor, in {', '.join(SCALES)}, got {text!r}")
        return cls(_pitch_class(found[1]), scale)

    @property
    def pitch_classes(self) -> PitchClasses:
        return _on(self.tonic, SCALES[self.scale])

    @property
    def tonic_chord(self) -> PitchClasses:
        """Root, third and fifth."""
        third = 4 if 4 in SCALES[self.scale] else 3
        return _on(self.tonic, (0, third, 7))


Chart = tuple[tuple[PitchClasses, ...], ...]  # the chords of each bar


def parse_chord(text: str) -> PitchClasses:
    """ "C", "F#m7", "Bbmaj7/D": the bass after the slash is one of its tones."""
    found = re.fullmatch(r"([A-G][#b]?)([^/]*)(?:/([A-G][#b]?))?", text)
    quality = ALIASES.get(found[2], found[2]) if found else ""
    if not found or quality not in CHORDS:
        raise BadSetting(f"expected a chord such as C, F#m7 or Bbmaj7/D, got {text!r}")
    bass = {_pitch_class(found[3])} if found[3] else set()
    return _on(_pitch_class(found[1]), CHORDS[quality]) | bass


@lru_cache(maxsize=64)
def parse_chart(text: str) -> Chart:
    """Bars between upright lines, chords between spaces: "Am7 | D7 G7 | C". A bar without a chord is like the last."""
    bars: list[tuple[PitchClasses, ...]] = []
    for bar in text.strip().strip("|").split("|"):
        chords = tuple(parse_chord(name) for name in bar.split() if name != "%")
        if len(chords) > MOST_CHORDS:
            raise BadSetting(f"expected at most {MOST_CHORDS} chords in a bar, got {bar.strip()!r}")
        if not (chords or bars):
            raise BadSetting(f"expected a chord in the first bar, got {text!r}")
        bars.append(chords or bars[-1][-1:])
    if len(bars) > LONGEST_CHART:
        raise BadSetting(f"expected at most {LONGEST_CHART} bars of chords, got {len(bars)}")
    return tuple(bars)


def likeliest_key(weights: Sequence[float]) -> Key:
    """The major or minor key that fits best; `weights` of the twelve pitch classes, such as seconds sounded."""

    def fit(key: Key) -> float:
        profile = MAJOR_PROFILE if key.scale == "major" else MINOR_PROFILE
        mean = sum(profile) / 12
        return sum(weights[(key.tonic + i) % 12] * (profile[i] - mean) for i in range(12))

    return max((Key(tonic, scale) for scale in ("major", "minor") for tonic in range(12)), key=fit)


def pitches_of(classes: PitchClasses, low: int = 0, high: int = 127) -> int:
    """Bit p: pitch p is of one of the classes and within the range."""
    return sum(1 << pitch for pitch in range(low, high + 1) if pitch % 12 in classes)


def _pitch_class(name: str) -> int:
    return (LETTERS[name[0]] + {"#": 1, "b": -1}.get(name[1:], 0)) % 12


def _on(root: int, steps: Sequence[int]) -> PitchClasses:
    return frozenset((root + step) % 12 for step in steps)
