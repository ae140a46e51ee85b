"""Draws as the compiled library reads them. Most of what a note is drawn by is drawn by again: it is told once."""

import ctypes
from collections.abc import Sequence
from typing import Any, Final

from model.engine.native.library import CDraw, CFollower
from model.engine.work import Draw

MOST: Final = 1024  # draws that are remembered: then all are told anew


class ToldDraws:
    """One engine's. Knows draws by their identity, which is theirs for as long as they are remembered."""

    def __init__(self) -> None:
        self._told: dict[int, tuple[Draw, CDraw]] = {}

    def forget(self) -> None:
        """Where there are many. Not while the library reads them."""
        if len(self._told) >= MOST:
            self._told.clear()

    def told(self, draw: Draw) -> CDraw:
        if (before := self._told.get(id(draw))) is not None:
            return before[1]
        sampling = draw.sampling
        told = CDraw(
            ranges=int32s([edge for span in draw.allowed for edge in span]),
            range_count=len(draw.allowed),
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            min_p=sampling.min_p,
        )
        if draw.bias:
            tokens, offsets = zip(*draw.bias, strict=True)
            told.bias_tokens, told.bias = int32s(tokens), (ctypes.c_float * len(offsets))(*offsets)
            told.bias_count = len(draw.bias)
        if draw.then:
            followers = [CFollower(first, stop, ctypes.pointer(self.told(next))) for first, stop, next in draw.then]
            told.followers, told.follower_count = (CFollower * len(followers))(*followers), len(followers)
        self._told[id(draw)] = draw, told
        return told


def int32s(numbers: Sequence[int]) -> Any:
    return (ctypes.c_int32 * len(numbers))(*numbers)
