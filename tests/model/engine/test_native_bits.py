"""However a sequence came to hold its tokens, the native engine thinks the same of them, to the bit.

So variations of a shared prompt are those of the same seeds alone, and a full house plays what an empty one would.
"""

from collections.abc import Callable

import pytest
import torch

from model.engine.native.decoder import Format
from model.engine.native.engine import NativeEngine, NativeSequence
from model.engine.native.library import NativeUnavailable, paths
from model.engine.work import Step
from model.networks.config import Sharing
from model.registry import load
from tests.model.random_networks import random_network, random_tokens

FORMATS = ((Format.F32, Format.F32), (Format.BF16, Format.BF16), (Format.INT8, Format.INT8))  # weights, cache

try:
    PATHS = paths()
except NativeUnavailable:
    PATHS = ()  # no paths, no cases: pytest skips them, and says so


def read(engine: NativeEngine, sequence: NativeSequence, tokens: list[int], portions: list[int]) -> NativeSequence:
    """Up to each of these lengths, and then to the end."""
    for length in [*portions, len(tokens)]:
        engine.run([(sequence, Step(keep=sequence.length, append=tuple(tokens[sequence.length : length])))])
    return sequence


def one_by_one(engine: NativeEngine, tokens: list[int]) -> NativeSequence:
    return read(engine, engine.open(0), tokens, list(range(1, len(tokens))))


def in_portions(engine: NativeEngine, tokens: list[int]) -> NativeSequence:
    return read(engine, engine.open(0), tokens, list(range(2, len(tokens), 3)))


def forked(engine: NativeEngine, tokens: list[int]) -> NativeSequence:
    half = len(tokens) // 2
    prompt = read(engine, engine.open(0), tokens[:half], [])
    return read(engine, engine.fork(prompt, 1), tokens, list(range(half, len(tokens))))


def rewound(engine: NativeEngine, tokens: list[int]) -> NativeSequence:
    half, others = len(tokens) // 2, random_tokens(len(tokens), seed=5)
    sequence = read(engine, engine.open(0), [*tokens[:half], *others[half:]], [])
    engine.run([(sequence, Step(keep=half))])
    return read(engine, sequence, tokens, [half + 1])


def beside_others(engine: NativeEngine, tokens: list[int]) -> NativeSequence:
    """Two tokens at a time; beside them none to three others read on or begin again, two or three at a time."""
    sequence, *others = (engine.open(i) for i in range(4))
    for length in range(2, len(tokens) + 1, 2):
        here = others[: length // 2 % 4]
        beside = [(other, Step(keep=other.length % 11, append=tuple(tokens[: 2 + length % 3]))) for other in here]
        engine.run([(sequence, Step(keep=length - 2, append=tuple(tokens[length - 2 : length]))), *beside])
    return sequence


WAYS: tuple[Callable[[NativeEngine, list[int]], NativeSequence], ...] = (
    one_by_one,
    in_portions,
    forked,
    rewound,
    beside_others,
)


def check(engine: NativeEngine, tokens: list[int]) -> None:
    at_once = engine.logits(engine.open(0), [*tokens, 7])
    for way in WAYS:
        sequence = way(engine, tokens)
        assert sequence.tokens == tokens
        assert torch.equal(engine.logits(sequence, [7]), at_once), (engine.backend, way.__name__)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("sharing", Sharing)
def test_how_tokens_were_read_does_not_show(sharing: Sharing, path: str) -> None:
    for weights, cache in FORMATS:
        engine = NativeEngine(random_network(sharing), weights=weights, cache=cache, path=path, max_sequences=12)
        check(engine, random_tokens(40))


@pytest.mark.parametrize("path", PATHS[:1])
def test_nor_with_the_shipped_network(path: str) -> None:
    check(NativeEngine(load("small"), path=path, max_sequences=12), random_tokens(60))


@pytest.mark.parametrize("path", PATHS[:1])
def test_nor_does_who_computed(path: str) -> None:
    network, tokens = load("small"), random_tokens(100)
    alone, helped = (NativeEngine(network, path=path, threads=threads) for threads in (1, 2))
    mine, other = alone.open(0), helped.open(0)
    for count in [1] * 60 + [2, 7, 31]:
        more, tokens = tokens[:count], tokens[count:]
        assert torch.equal(alone.logits(mine, more), helped.logits(other, more))
        helped.threads = 2 if len(tokens) % 5 else 1
