"""The two kinds of music that are set beside each other: piano alone, and several instruments."""

from collections.abc import Iterable
from dataclasses import replace
from enum import StrEnum
from typing import Final

import numpy as np

from model.tokens.vocabulary import DURATION, END
from model.training.corpus import Corpus, Piece
from model.training.encoding import Tokens, on_grid

PIANOS: Final = range(8)  # programs
CHORDS: Final = 0.2  # the share of onsets with more than one note that tells a piano from a singer


class Music(StrEnum):
    PIANO = "piano"  # all players are pianos, and together they play chords: their hands are joined into one part
    BAND = "multi-track"  # at least two different instruments


def only(music: Music, corpus: Corpus) -> Corpus:
    """The pieces of this kind; a piece is of one kind at most."""
    pieces = corpus.pieces
    return Corpus(tuple(_pianos(pieces) if music is Music.PIANO else (p for p in pieces if len(set(p.programs)) > 1)))


def whole_notes(tokens: Tokens) -> Tokens:
    """Up to the last finished note, and the end after it; nothing where no note is finished."""
    is_last = (tokens >= DURATION.start) & (tokens < DURATION.stop) | (tokens == END.start)
    ends = is_last.nonzero()[0]
    return tokens[: ends[-1] + 1 if ends.size else 0]


def _pianos(pieces: Iterable[Piece]) -> Iterable[Piece]:
    for piece in pieces:
        if all(program in PIANOS for program in piece.programs):
            one = joined(piece)
            if (np.unique(one.notes[:, 0], return_counts=True)[1] > 1).mean() >= CHORDS:
                yield one


def joined(piece: Piece) -> Piece:
    """All players as one part."""
    notes = piece.notes.copy()
    notes[:, 1] = 0
    return replace(piece, programs=piece.programs[:1], notes=on_grid(notes))
