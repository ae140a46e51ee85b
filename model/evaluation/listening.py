"""Whether what a partner plays fits what the human plays at that moment: key, chords, onsets.

The human's part alone is the reference, so a recorded partner is measured by the same rule as a machine.
Knows neither session nor time passing.
"""

from dataclasses import dataclass

from model.evaluation.accompaniment import beats, chords_of, share_near, share_on_chords
from model.evaluation.health import is_stuck
from model.evaluation.passage import Passage
from music.harmony import Key, likeliest_key


@dataclass(frozen=True, slots=True)
class Listening:
    """Of a partner's passage beside the human's; nan where there is nothing to measure."""

    in_key: float  # share of notes in the key of the human's part
    chord_tones: float  # of the time, the share on tones of the human's triad in that half bar
    together: float  # share of onsets within a twelfth of a quarter of a human one
    on_beat: float  # share of onsets as near to a beat
    density: float  # notes a bar
    stuck: float  # 1 where it is: see `model/evaluation/health.py`


def key_of(human: Passage) -> Key | None:
    """By the profiles of Krumhansl and Kessler, each note weighing its length; None of drums alone."""
    weights = [0.0] * 12
    for note in human.pitched:
        weights[note.pitch % 12] += note.duration
    return likeliest_key(weights) if any(weights) else None


def listening(partner: Passage, human: Passage, key: Key | None) -> Listening:
    """`human`: as many bars, in the same meter, what was recorded while the partner played; `key`: of all its bars."""
    onsets = [note.onset for note in partner.notes]
    return Listening(
        in_key=_share_in(partner, key),
        chord_tones=share_on_chords(partner, chords_of(human)),
        together=share_near(onsets, [note.onset for note in human.notes]),
        on_beat=share_near(onsets, beats(partner)),
        density=len(onsets) / partner.bars,
        stuck=float(is_stuck(partner)),
    )


def _share_in(partner: Passage, key: Key | None) -> float:
    notes = partner.pitched
    if key is None or not notes:
        return float("nan")
    return sum(note.pitch % 12 in key.pitch_classes for note in notes) / len(notes)
