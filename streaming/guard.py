"""Against getting stuck: pitches that would be one strike, or one bar, too many of the same. Knows no vocabulary."""

from collections.abc import Sequence

from streaming.scribe import Line


def worn(lines: Sequence[Line], part: int, step: int, bar: int, most: int) -> frozenset[int]:
    """Pitches that `part` had better not strike at grid step `step`.

    One that its last `most - 1` strikes were; and, where its last `most - 1` bars are equal and this one has begun like
    them, those that they have here. `lines`: all before the note to come, in order; `bar` in grid steps.
    """
    own = [line for line in lines if line.part == part]
    last = {line.pitch for line in own[1 - most :]} if len(own) >= most - 1 else set()
    return frozenset(last if len(last) == 1 else ()) | _next_in_pattern(own, step, bar, most)


def _next_in_pattern(own: Sequence[Line], step: int, bar: int, most: int) -> frozenset[int]:
    this = step // bar
    bars: list[set[tuple[int, int]]] = [set() for _ in range(most)]  # this one, and those before it
    for line in reversed(own):
        age = this - line.step // bar
        if age >= most:
            break
        bars[age].add((line.step % bar, line.pitch))
    begun, pattern = bars[0], bars[1]
    is_repeated = all(each == pattern for each in bars[2:])
    due = {note for note in pattern if note[0] < step % bar}
    if not (pattern and is_repeated and due <= begun <= pattern):
        return frozenset()
    return frozenset(pitch for at, pitch in pattern if at == step % bar)
