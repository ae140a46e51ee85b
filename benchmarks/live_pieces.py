"""Recorded performances to play with: held-out pieces; the first part is the human's, the rest are the machine's.

Eight bars from some bar on in which the human plays, and the four before them. Knows no session.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import chain, zip_longest
from typing import Final

from model.evaluation.passage import Passage
from model.evaluation.trials import ANSWER_BARS, FEWEST_NOTES, PROMPT_BARS, passage_of
from model.tokens.vocabulary import FASTEST_BPM, SLOWEST_BPM
from model.training.corpus import Piece
from music.score import DRUMS
from music.time import FREE, Meter, MeterChange, MeterMap, Tick

# Sources whose timing and touch are a player's; what their first part is.
KINDS: Final = {
    "pianomidi_de": "piano",  # the right hand; the machine is the left
    "pop909": "song",  # the melody; the machine is its piano arrangement
    "weimar_jazz": "jazz",  # a solo; the machine is the rhythm section
    "groove": "drums",  # a drummer alone; the machine is a bass, and no partner was recorded
}
BASS: Final = 33  # fingered electric bass, General MIDI


@dataclass(frozen=True, slots=True)
class Performance:
    kind: str
    path: str  # in the corpus
    before: Passage  # everybody, the bars before
    played: Passage  # everybody; part 0 is the human's

    @property
    def human(self) -> Passage:
        return self.played.parts([0])

    @property
    def partner(self) -> Passage | None:
        """The others as recorded; None where the human was alone."""
        partner = self.played.parts(range(1, len(self.played.programs)))
        return partner if partner.notes else None


def choose_performances(pieces: Iterable[Piece]) -> list[Performance]:
    """One of each piece of music, kinds in turn, so that a few are a fair sample."""
    by_kind: dict[str, list[Performance]] = defaultdict(list)
    families: set[str] = set()
    for piece in sorted(pieces, key=lambda piece: piece.path):
        found = performance_of(piece) if piece.source in KINDS and piece.family not in families else None
        if found is not None:
            families.add(piece.family)
            by_kind[found.kind].append(found)
    turns = zip_longest(*(by_kind[kind] for kind in KINDS.values()))
    return [found for found in chain.from_iterable(turns) if found is not None]


def performance_of(piece: Piece) -> Performance | None:
    """From the bar of the human's first note on; None where that is too short, too empty, or changes its meter."""
    if piece.programs == (DRUMS,):
        piece = replace(piece, programs=(DRUMS, BASS))
    own = piece.notes[piece.notes[:, 1] == 0, 0]
    if len(piece.programs) < 2 or not len(own):
        return None
    bar = MeterMap(piece.meters).bar_at(Tick(int(own[0])))
    # Where only beats were written down, bars of one beat, four of them are a bar.
    meter = Meter() if bar.meter.numerator == 1 else bar.meter
    bars = PROMPT_BARS + ANSWER_BARS
    changes = [change.tick for change in piece.meters if change.tick > bar.tick]
    if meter == FREE or (changes and min(changes) < bar.tick + bars * meter.bar_ticks):
        return None
    whole = passage_of(piece, bar.tick, bars, MeterMap([MeterChange(Tick(0), meter)]))
    found = Performance(KINDS[piece.source], piece.path, whole.cut(0, PROMPT_BARS), whole.cut(PROMPT_BARS, ANSWER_BARS))
    is_tempo_known = SLOWEST_BPM < whole.bpm < FASTEST_BPM
    return found if is_tempo_known and _is_played(found) else None


def _is_played(found: Performance) -> bool:
    """The human plays in three of four bars, and so does everybody else together, if there is anybody."""
    partner = found.partner
    played = [found.human] if partner is None else [found.human, partner]
    is_alone = found.kind == "drums"
    return (is_alone or partner is not None) and all(
        len(each.notes) >= FEWEST_NOTES and sum(map(bool, each.by_bar)) >= 0.75 * each.bars for each in played
    )
