"""Every engine of PerceiverS against the plain network: whatever was rewound, read, forked, drawn."""

import random
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model.engine.backends import make_engine
from model.engine.cuda.engine import CudaUnavailable
from model.engine.native.decoder import Format
from model.engine.native.engine import NativeEngine
from model.engine.native.library import NativeUnavailable, paths
from model.engine.stream_engine import LONGEST, StreamEngine
from model.engine.work import BadStep, Draw, EngineFull, Sampling, Step
from model.networks.perceiver import Join, Perceiver
from model.networks.perceiver_stream import window_at
from model.tokens.performance import SIZE
from tests.chains import linked
from tests.model.random_performers import TINY, random_performer

EVERYTHING = Draw(allowed=((0, SIZE),))
GREEDY = Draw(allowed=((0, SIZE),), sampling=Sampling(temperature=0))
LATENTS, CONTEXT = TINY.latents, TINY.context
NETWORK = random_performer()
MOST = 3

Make = Callable[[Perceiver], Any]
MAKERS: dict[str, Make] = {"torch": lambda network: StreamEngine(network, max_sequences=MOST)}


def native(path: str) -> Make:
    return lambda network: NativeEngine(network, weights=Format.F32, cache=Format.F32, max_sequences=MOST, path=path)


try:
    MAKERS |= {f"native-{path}": native(path) for path in paths()}
except NativeUnavailable:
    MAKERS |= {}


needs_native = pytest.mark.skipif(len(MAKERS) == 1, reason="the native engine was not built")


@pytest.fixture(params=MAKERS)
def make(request: pytest.FixtureRequest) -> Make:
    return MAKERS[request.param]


def some_tokens(count: int, seed: int = 1) -> tuple[int, ...]:
    return tuple(random.Random(seed).choices(range(SIZE), k=count))


def logits_after(network: Perceiver, tokens: list[int]) -> torch.Tensor:
    """As training computes them, for the crop that ends with the window."""
    first = window_at(len(tokens), LATENTS)
    end = first + LATENTS
    oldest = max(0, end - CONTEXT)
    crop = torch.tensor([tokens[oldest:] + [0] * (end - len(tokens))])
    logits: torch.Tensor = network(crop, latents=LATENTS)[0, len(tokens) - 1 - first]
    return logits


@pytest.mark.parametrize("short", [LATENTS, 2 * LATENTS, None])
def test_the_logits_are_the_plain_networks_far_beyond_the_context(short: int | None) -> None:
    network, tokens = random_performer(short=short), list(some_tokens(2 * CONTEXT))
    for name, make in MAKERS.items():
        if name == "torch":  # whose stream has tests of its own
            continue
        engine = make(network)
        sequence = engine.open(0)
        for length in range(1, len(tokens) + 1):
            logits = engine.logits(sequence, tokens[length - 1 : length])
            assert torch.allclose(logits, logits_after(network, tokens[:length]), atol=2e-3), (name, length)


@needs_native
@pytest.mark.parametrize("weights", [Format.BF16, Format.INT8])
def test_fewer_bits_change_little(weights: Format) -> None:
    engine, tokens = NativeEngine(NETWORK, weights=weights), list(some_tokens(CONTEXT))
    found, plain = engine.logits(engine.open(0), tokens), logits_after(NETWORK, tokens)
    assert torch.corrcoef(torch.stack((found, plain)))[0, 1] > 0.97


@needs_native
def test_another_way_to_join_is_left_to_torch() -> None:
    network = random_performer(join=Join.SUM)
    with pytest.raises(NativeUnavailable, match="in cascade, got sum"):
        NativeEngine(network)
    assert isinstance(make_engine(network), StreamEngine)


def is_likeliest(logits: torch.Tensor, token: int) -> bool:
    """But for rounding."""
    return bool(logits[token] >= logits.max() - 1e-3)


@given(
    moves=st.lists(
        st.tuples(st.integers(0, 40), st.integers(0, 2 * LATENTS), st.booleans(), st.booleans()), min_size=1, max_size=8
    ),
    maker=st.sampled_from(sorted(MAKERS)),
)
@settings(max_examples=10, deadline=None)
def test_the_likeliest_token_is_the_plain_networks(moves: list[tuple[int, int, bool, bool]], maker: str) -> None:
    engine, tokens = MAKERS[maker](NETWORK), list[int]()
    sequence = engine.open(0)
    for seed, (lost, added, draws, forks) in enumerate(moves):
        if forks:
            other, sequence = sequence, engine.fork(sequence, 0)
            other.close()
        append = some_tokens(added, seed)
        tokens = [*tokens[: max(0, len(tokens) - lost)], *append]
        draw = GREEDY if draws and tokens else None
        (drawn,) = engine.run([(sequence, Step(keep=len(tokens) - added, append=append, draw=draw))])
        assert sequence.length == len(tokens)
        assert len(drawn) == (draw is not None)
        if drawn:
            assert is_likeliest(logits_after(NETWORK, tokens), drawn[0])


def test_the_music_depends_neither_on_company_nor_on_portions(make: Make) -> None:
    prompt = some_tokens(CONTEXT + 3 * LATENTS + 5)

    def drawn(portion: int, company: bool) -> list[int]:
        engine, found = make(NETWORK), list[int]()
        sequence, other = engine.open(7), engine.open(8)
        engine.run([(other, Step(keep=0, append=prompt[:9]))])
        for at in range(0, len(prompt), portion):
            engine.run([(sequence, Step(keep=at, append=prompt[at : at + portion]))])
        keep, append = len(prompt), tuple[int, ...]()
        for _ in range(2 * LATENTS):
            work = [(sequence, Step(keep=keep, append=append, draw=EVERYTHING))]
            work += [(other, Step(keep=9, draw=EVERYTHING))] if company else []
            keep += len(append)
            append = engine.run(work)[0]
            found += append
        return found

    alone = drawn(len(prompt), False)
    assert drawn(8, True) == alone
    assert len(set(alone)) > LATENTS // 2


def test_draws_that_follow_one_another_are_as_good_as_single_ones(make: Make) -> None:
    engine, single = make(NETWORK), list[int]()
    one, other = engine.open(3), engine.open(3)
    (together,) = engine.run([(one, Step(keep=0, append=(5, 6), draw=linked(*[EVERYTHING] * 3)))])
    append: tuple[int, ...] = (5, 6)
    for _ in range(3):
        (append,) = engine.run([(other, Step(keep=other.length, append=append, draw=EVERYTHING))])
        single += append
    assert list(together) == single
    assert one.length == 4


def test_only_what_is_allowed_is_drawn(make: Make) -> None:
    engine = make(NETWORK)
    for seed in range(2):
        sequence = engine.open(seed)
        draw = Draw(allowed=((3, 5), (380, 389)))
        for _ in range(10):
            ((token,),) = engine.run([(sequence, Step(keep=0, append=some_tokens(3, seed), draw=draw))])
            assert token in (3, 4, *range(380, 389))


def test_a_house_that_is_full_and_what_cannot_be_done_are_refused(make: Make) -> None:
    engine = make(NETWORK)
    sequences = [engine.open(seed) for seed in range(MOST)]
    with pytest.raises(EngineFull):
        engine.open(9)
    for step in (Step(keep=1), Step(keep=0, append=(SIZE,)), Step(keep=0, draw=EVERYTHING)):
        with pytest.raises(BadStep):
            engine.run([(sequences[0], step)])
    sequences[0].close()
    with pytest.raises(BadStep):
        engine.run([(sequences[0], Step(keep=0, append=(1,)))])


def test_memory_is_told_and_does_not_grow_with_the_music(make: Make) -> None:
    engine = make(NETWORK)
    sequence = engine.open(0)
    assert engine.cached().bytes == 0
    engine.run([(sequence, Step(keep=0, append=some_tokens(4 * CONTEXT)))])
    cached = engine.cached()
    assert (cached.sequences, cached.most_sequences) == (1, MOST)
    assert cached.bytes == engine.kv_bytes == cached.most_bytes // MOST > 0
    assert engine.capacity == LONGEST


def test_an_engine_is_made_for_whichever_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)  # it plays live, for many, and nothing else
    assert make_engine(NETWORK).capacity == LONGEST
    with pytest.raises(CudaUnavailable, match="solo piano"):
        make_engine(NETWORK, backend="cuda")
