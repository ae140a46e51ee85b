"""An interpolated Kneser-Ney n-gram over tokens: the rival that any network must beat.

Chen & Goodman 1999, section 2.7, one discount. Counts are sorted arrays of packed keys, so tens of millions of
tokens fit.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.tokens.vocabulary import VOCABULARY

Keys = NDArray[np.int64]
DISCOUNT = 0.75


@dataclass(frozen=True, slots=True)
class _Order:
    """One order: each distinct n-gram with its count, and each context with its total and number of followers."""

    grams: Keys
    counts: NDArray[np.int64]
    contexts: Keys
    totals: NDArray[np.int64]
    followers: NDArray[np.int64]


class NGram:
    """Probabilities of tokens after up to `order - 1` others."""

    def __init__(self, tokens: NDArray[np.int64], order: int = 5, vocabulary: int = VOCABULARY) -> None:
        """tokens: (N,), pieces one after the other, each beginning with `begin`."""
        self.order, self._vocabulary = order, vocabulary
        self._orders: list[_Order] = []
        grams, counts = np.unique(_windows(tokens, order, vocabulary), return_counts=True)
        for n in range(order, 0, -1):
            self._orders.insert(0, _tabulate(grams, counts, vocabulary))
            if n > 1:  # below the top, a gram counts by how many different tokens it follows
                grams, counts = np.unique(grams % vocabulary ** (n - 1), return_counts=True)

    def nll(self, tokens: Sequence[int]) -> NDArray[np.float64]:
        """Nats of every token but the first: (len(tokens) - 1,)."""
        history = np.asarray(tokens, np.int64)
        probability = np.full(len(history) - 1, 1 / self._vocabulary)
        for n, table in enumerate(self._orders[: len(history)], start=1):
            reach = max(1, n - 1)  # the first token that has a full context of this order
            grams = _windows(history, n, self._vocabulary)[reach - n + 1 :]
            probability[reach - 1 :] = _interpolate(table, grams // self._vocabulary, grams, probability[reach - 1 :])
        result: NDArray[np.float64] = -np.log(probability)
        return result


def _windows(tokens: NDArray[np.int64], n: int, vocabulary: int) -> Keys:
    """Each run of n tokens as one number, the oldest the most significant."""
    keys = np.zeros(len(tokens) - n + 1, np.int64)
    for i in range(n):
        keys = keys * vocabulary + tokens[i : i + len(keys)]
    return keys


def _tabulate(grams: Keys, counts: NDArray[np.int64], vocabulary: int) -> _Order:
    contexts, first = np.unique(grams // vocabulary, return_index=True)
    totals = np.add.reduceat(counts, first)
    followers = np.diff(np.append(first, len(grams)))
    return _Order(grams, counts, contexts, totals, followers)


def _interpolate(table: _Order, contexts: Keys, grams: Keys, lower: NDArray[np.float64]) -> NDArray[np.float64]:
    count, _ = _find(table.grams, grams, table.counts)
    total, known = _find(table.contexts, contexts, table.totals)
    followers, _ = _find(table.contexts, contexts, table.followers)
    total = np.maximum(total, 1)
    mixed = np.maximum(count - DISCOUNT, 0) / total + DISCOUNT * followers / total * lower
    return np.where(known, mixed, lower)


def _find(keys: Keys, wanted: Keys, values: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The value of each wanted key, 0 where it is missing, and whether it is there."""
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    known = keys[at] == wanted
    return np.where(known, values[at], 0), known
