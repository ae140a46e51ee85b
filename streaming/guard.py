"""Against getting stuck: pitches that would be one strike, or one bar, too many of the same. Knows no vocabulary."""

from collections.abc import Iterator, Sequence
from itertools import groupby, islice

from streaming.scribe import Line

Pattern = set[tuple[int, int]]  # (grid step in its bar, pitch)


def worn(lines: Sequence[Line], part: int, step: int, bar: int, most: int) -> frozenset[int]:
    """Pitches that `part` had better not strike at grid step `step`.

    Those that each of its last `most - 1` strikes had, a strike being a note or a chord; and, where its last `most - 1`
    bars are equal, those that they have here. Neither where what has begun is not like them. `lines`: all before the
    note to come, in order; `bar` in grid steps.
    """
    repeated = _repeated(lines, part, step, bar, most)
    return _struck(lines, part, step, most) | (_next_in(*repeated, step % bar) if repeated else frozenset())


def is_repeating(lines: Sequence[Line], part: int, step: int, bar: int, most: int) -> bool:
    """What is worn depends on the place in the bar."""
    return _repeated(lines, part, step, bar, most) is not None


def _newest(lines: Sequence[Line], part: int) -> Iterator[Line]:
    return (line for line in reversed(lines) if line.part == part)


def _struck(lines: Sequence[Line], part: int, step: int, most: int) -> frozenset[int]:
    strikes = [
        (at, frozenset(line.pitch for line in chord))
        for at, chord in islice(groupby(_newest(lines, part), key=lambda line: line.step), most)
    ]
    begun, before = frozenset[int](), [pitches for _, pitches in strikes]
    if strikes and strikes[0][0] >= step:
        begun, before = before[0], before[1:]
    last = before[: most - 1]
    is_the_same = len(last) == most - 1 and len(set(last)) == 1
    return last[0] if is_the_same and begun <= last[0] else frozenset()


def _repeated(lines: Sequence[Line], part: int, step: int, bar: int, most: int) -> tuple[Pattern, Pattern] | None:
    """What has begun of this bar, and what the last `most - 1` bars are; None where they differ. Reads no further."""
    this = step // bar
    begun, pattern, before = Pattern(), Pattern(), this - 1
    for index, group in groupby(_newest(lines, part), key=lambda line: line.step // bar):
        notes = ((line.step % bar, line.pitch) for line in group)
        if index >= this:
            begun.update(notes)
            continue
        if index != before:
            return None
        if not pattern:
            pattern = set(notes)
        elif not _is_same(notes, pattern):
            return None
        before -= 1
        if before == this - most:
            return begun, pattern
    return None


def _is_same(notes: Iterator[tuple[int, int]], pattern: Pattern) -> bool:
    """Most bars are not, and most of those differ in the first note that is read."""
    found = Pattern()
    for note in notes:
        if note not in pattern:
            return False
        found.add(note)
    return len(found) == len(pattern)


def _next_in(begun: Pattern, pattern: Pattern, here: int) -> frozenset[int]:
    due = {note for note in pattern if note[0] < here}
    return frozenset(pitch for at, pitch in pattern if at == here and due <= begun <= pattern)
