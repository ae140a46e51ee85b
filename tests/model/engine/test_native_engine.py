"""What the native engine alone promises: torch's tokens in float32, hardly less in int8, the same bits every time."""

import random
from dataclasses import replace

import pytest
import torch

from model.engine.native.decoder import Format
from model.engine.native.engine import NativeEngine
from model.engine.native.library import NativeUnavailable, paths
from model.engine.torch_engine import TorchEngine
from model.engine.work import Draw, Sampling, Step
from model.networks.config import Sharing
from model.networks.decoder import Decoder
from model.registry import load
from model.tokens.codec import Header, read_state
from model.tokens.grammar import advance, allowed
from model.tokens.vocabulary import VOCABULARY
from tests.model.random_networks import SMALL, random_network, random_tokens

GREEDY = Draw(allowed=((0, VOCABULARY),), sampling=Sampling(temperature=0))


@pytest.fixture(autouse=True)
def built() -> None:
    try:
        paths()
    except NativeUnavailable as error:
        pytest.skip(str(error))


@pytest.mark.slow
@pytest.mark.parametrize("sharing", Sharing)
def test_a_thousand_greedy_steps_with_rewinds_are_torchs(sharing: Sharing) -> None:
    network = random_network(sharing, context=400)
    torchs = TorchEngine(network, threads=1)
    native = NativeEngine(network, weights=Format.F32, cache=Format.F32)
    one, other = torchs.open(0), native.open(0)
    dice = random.Random(sharing)
    append: tuple[int, ...] = tuple(random_tokens(20))
    for number in range(1000):
        rewinds = number % 37 == 36 or one.length > 390
        keep = max(1, one.length - dice.randint(1, 150)) if rewinds else one.length
        step = Step(keep=keep, append=append, draw=GREEDY)
        (drawn,), (also,) = torchs.run([(one, step)]), native.run([(other, step)])
        assert drawn == also, f"at step {number}, {one.length} tokens"
        # A greedy walk of a random network soon goes in circles: now and then it is pushed.
        append = drawn if number % 5 else (*drawn, dice.randrange(VOCABULARY))


def music_of(engine: NativeEngine, seed: int, tokens: int) -> list[int]:
    """What the network itself writes, so that the answer needs no corpus."""
    sequence, written = engine.open(seed), Header(programs={0: 0, 1: 33}).tokens()
    state, append = read_state(written), tuple(written)
    while len(written) < tokens:
        step = Step(keep=sequence.length, append=append, draw=Draw(allowed=allowed(state)))
        (append,) = engine.run([(sequence, step)])
        state = advance(state, append[0])
        written += append
    return written


def nll(engine: NativeEngine, tokens: list[int]) -> float:
    sequence = engine.open(0)
    logs = [torch.log_softmax(engine.logits(sequence, [token]), dim=0) for token in tokens[:-1]]
    return -sum(float(log[after]) for log, after in zip(logs, tokens[1:], strict=True)) / len(logs)


@pytest.mark.slow
def test_int8_weights_and_caches_cost_less_than_half_a_percent() -> None:
    network = load("small")
    full, int8 = NativeEngine(network, weights=Format.BF16, cache=Format.BF16), NativeEngine(network)
    texts = [music_of(full, seed, 250) for seed in range(4)]  # one alone may gain or lose as much by chance
    expected = sum(nll(full, text) for text in texts)
    assert sum(nll(int8, text) for text in texts) == pytest.approx(expected, rel=0.005)


@pytest.mark.parametrize("weights", Format)
def test_the_same_tokens_give_the_same_bits(weights: Format) -> None:
    tokens = random_tokens(70)

    def logits() -> torch.Tensor:
        engine = NativeEngine(random_network(), weights=weights)
        return engine.logits(engine.open(0), tokens)

    assert torch.equal(logits(), logits())


def test_int8_weights_take_little_more_than_a_byte_each() -> None:
    network = random_network()
    int8, full = (NativeEngine(network, weights=weights).weight_bytes for weights in (Format.INT8, Format.F32))
    assert int8 == pytest.approx(full * (1 + 8 / 64) / 4, rel=0.01)


def test_a_network_whose_sizes_do_not_fit_is_refused() -> None:
    with pytest.raises(NativeUnavailable, match="expected heads of a multiple of 16"):
        NativeEngine(Decoder(replace(SMALL, head_size=8)))


def test_a_second_thread_comes_and_goes_and_there_is_no_third() -> None:
    engine = NativeEngine(random_network(), threads=8)
    assert engine.threads == 2
    assert engine.backend.endswith(", 2 threads)")
    engine.threads = 1
    assert engine.threads == 1
    assert "threads" not in engine.backend


def test_sequences_outlive_their_engine_and_its_second_thread() -> None:
    sequences = []
    for _ in range(5):
        engine = NativeEngine(random_network(), threads=2)
        sequences.append(engine.open(0))
        engine.run([(sequences[-1], Step(keep=0, append=(1, 2, 3)))])
        del engine
    for sequence in sequences:
        sequence.close()


def test_unknown_kernels_are_refused() -> None:
    with pytest.raises(NativeUnavailable, match=r"expected kernels of .*plain, got 'abacus'"):
        NativeEngine(random_network(), path="abacus")


def test_an_int8_cache_takes_little_more_than_a_byte_for_a_number() -> None:
    network = random_network()

    def bytes_of(cache: Format) -> int:
        engine = NativeEngine(network, cache=cache)
        engine.open(0)
        return engine.kv_bytes

    assert bytes_of(Format.INT8) == pytest.approx(bytes_of(Format.F32) * (1 + 4 / SMALL.head_size) / 4, rel=0.01)
