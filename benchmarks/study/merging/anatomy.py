"""What merged words are made of: how far they reach, how they read, and how many of them music needs."""

from collections import Counter
from collections.abc import Iterable, Sequence

from benchmarks.study.merging.words import Words
from benchmarks.study.paired import Json
from model.tokens.vocabulary import (
    BAR,
    DURATION,
    END,
    PART,
    PITCH,
    POSITION,
    VELOCITY,
    VOCABULARY,
    token_name,
)

SHOWN = 12


def crosses_notes(word: Sequence[int]) -> bool:
    """Something of a note comes after something of the one before it."""
    kinds = [token in PART for token in word if token in PART or _is_of_note(token)]
    return any(kinds[1:])


def crosses_onsets(word: Sequence[int]) -> bool:
    """A later moment, or a bar line, comes after something of a note."""
    of_note = [_is_of_note(token) or token in PART for token in word]
    moments = (i for i, token in enumerate(word) if token in POSITION or token in BAR or token in END)
    return any(any(of_note[:i]) for i in moments)


def crosses_parts(word: Sequence[int]) -> bool:
    return len({token for token in word if token in PART}) > 1


def anatomy(words: Words, held_out: Iterable[Sequence[int]]) -> Json:
    """Of the merged words. `held_out`: music in words."""
    merged = range(VOCABULARY, len(words.tokens))
    texts = [words.tokens[word] for word in merged]
    used = Counter(word for piece in held_out for word in piece)
    often = sorted(merged, key=lambda word: (-used[word], word))[:SHOWN]
    return {
        "merged": len(texts),
        "longest": max(map(len, texts), default=1),
        "mean_length": sum(map(len, texts)) / len(texts) if texts else 1.0,
        "crossing_notes": _share(map(crosses_notes, texts)),
        "crossing_onsets": _share(map(crosses_onsets, texts)),
        "crossing_parts": _share(map(crosses_parts, texts)),
        "used": _share(used[word] > 0 for word in merged),
        "often": [[readable(words.tokens[word]), used[word]] for word in often],
    }


def readable(word: Sequence[int]) -> str:
    """For people: "pitch 60 + velocity 5"."""
    return " + ".join(map(token_name, word))


def _is_of_note(token: int) -> bool:
    return token in PITCH or token in VELOCITY or token in DURATION


def _share(claims: Iterable[bool]) -> float:
    """Of those that are true; 0 of none."""
    listed = list(claims)
    return round(sum(listed) / len(listed), 4) if listed else 0.0
