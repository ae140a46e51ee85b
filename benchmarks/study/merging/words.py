"""Byte-pair encoding (Sennrich et al., 2016) of our tokens, by HF `tokenizers`: words of one token or several.

A token is a character of Unicode's private use area. Words that are one token have its id; merged ones follow in the
order of merging, so a smaller vocabulary is the beginning of a larger one. Knows no network.
"""

import json
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final

from tokenizers import Regex, Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import Split
from tokenizers.trainers import BpeTrainer

from model.tokens.vocabulary import (
    BEGIN,
    DURATION,
    METER,
    PART,
    PITCH,
    POSITION,
    PROGRAM,
    STYLE,
    TEMPO,
    VELOCITY,
    VOCABULARY,
    Block,
)

FIRST: Final = 0xE000


class Scope(StrEnum):
    """What a merged word may reach across. Words of a header are never merged."""

    NOTE = "within a note"
    ONSET = "within an onset"  # its position, and its notes
    EVERYTHING = "across everything"


class Words:
    """A vocabulary of words, and how music is written with them."""

    def __init__(self, learned: str, merges: int) -> None:
        """learned: as `learn` returns it, of which the first `merges` are kept."""
        self._tokenizer = Tokenizer.from_str(_shortened(learned, VOCABULARY + merges))
        texts = sorted(self._tokenizer.get_vocab().items(), key=lambda entry: entry[1])
        self.tokens = tuple(tuple(ord(letter) - FIRST for letter in text) for text, _ in texts)

    def encode(self, tokens: Iterable[int]) -> list[int]:
        words: list[int] = self._tokenizer.encode(_text(tokens)).ids
        return words

    def decode(self, words: Iterable[int]) -> list[int]:
        return [token for word in words for token in self.tokens[word]]

    def beginning(self, tokens: Sequence[int]) -> list[int]:
        """The words that begin with these."""
        wanted, count = tuple(tokens), len(tokens)
        return [word for word, each in enumerate(self.tokens) if each[:count] == wanted]


def learn(rows: Iterable[Iterable[int]], scope: Scope, merges: int) -> str:
    """JSON of HF's. What is merged is what lies together most often in `rows`; a pair that is there once is left."""
    letters = [chr(FIRST + token) for token in range(VOCABULARY)]
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = Split(Regex(_pattern(scope)), "isolated")
    trainer = BpeTrainer(vocab_size=VOCABULARY + merges, min_frequency=2, initial_alphabet=letters, show_progress=False)
    tokenizer.train_from_iterator(map(_text, rows), trainer)
    learned: str = tokenizer.to_str()
    return learned


def unmerged() -> str:
    """What has been learned from nothing."""
    return learn([], Scope.EVERYTHING, 0)


def _text(tokens: Iterable[int]) -> str:
    return "".join(chr(FIRST + token) for token in tokens)


def _pattern(scope: Scope) -> str:
    """What matches is merged within itself only."""
    note = "".join(f"[{_span(block)}]" for block in (PART, PITCH, VELOCITY, DURATION))
    match scope:
        case Scope.NOTE:
            return f"{note}|."
        case Scope.ONSET:
            return f"[{_span(POSITION)}](?:{note})+|."
        case Scope.EVERYTHING:
            return f"[^{''.join(map(_span, (BEGIN, STYLE, TEMPO, METER, PROGRAM)))}]+|."


def _span(block: Block) -> str:
    return f"{chr(FIRST + block.start)}-{chr(FIRST + block.stop - 1)}"


def _shortened(learned: str, size: int) -> str:
    """With the first `size` words only, and the merges that lead to them before there was another."""
    known = json.loads(learned)
    vocabulary, merges = known["model"]["vocab"], []
    for left, right in known["model"]["merges"]:
        if vocabulary[left + right] >= size:
            break
        merges.append((left, right))
    kept = {text: word for text, word in vocabulary.items() if word < size}
    return json.dumps(known | {"model": known["model"] | {"vocab": kept, "merges": merges}})
