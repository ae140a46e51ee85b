"""What the CUDA engine alone promises; what it shares with the others is in test_engines.py."""

import logging
import random

import pytest
import torch

from model.engine.backends import make_engine
from model.engine.cuda.engine import CudaEngine, CudaUnavailable
from model.engine.cuda.passes import SIZES
from model.engine.torch_engine import TorchEngine
from model.engine.work import Draw, Sampling, Step
from model.networks.attention import GROUP_OF_TOKEN
from model.networks.config import GROUPS, Sharing
from model.tokens.vocabulary import IN_HEADER, VOCABULARY
from music.errors import TradefoursError
from tests.model.needs_cuda import ON_CUDA, is_cuda, needs_cuda
from tests.model.random_networks import random_network, random_tokens

EVERYTHING = ((0, VOCABULARY),)
GREEDY = Draw(allowed=EVERYTHING, sampling=Sampling(temperature=0))
DEVICES = ["cpu", ON_CUDA]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("sharing", Sharing)
def test_many_steps_of_three_with_rewinds_are_torchs(sharing: Sharing, device: str) -> None:
    network = random_network(sharing, context=200)
    ours = CudaEngine(network, dtype=torch.float32, device=device)
    theirs = TorchEngine(network, threads=1)
    pairs = [(ours.open(seed), theirs.open(seed)) for seed in range(3)]
    dice = random.Random(sharing)
    append = [tuple(random_tokens(20, seed)) for seed in range(3)]
    draw = Draw(allowed=((5, 300), (320, VOCABULARY)), sampling=Sampling(temperature=0), bias=((7, 1.5),))
    for number in range(1000 if device == "cuda" else 120):
        rewinds = number % 37 == 36 or max(one.length for one, _ in pairs) > 190
        keeps = [max(1, one.length - dice.randint(1, 100)) if rewinds else one.length for one, _ in pairs]
        steps = [Step(keep=keep, append=new, draw=draw) for keep, new in zip(keeps, append, strict=True)]
        drawn = ours.run([(pair[0], step) for pair, step in zip(pairs, steps, strict=True)])
        assert drawn == theirs.run([(pair[1], step) for pair, step in zip(pairs, steps, strict=True)])
        # A greedy walk of a random network soon goes in circles: now and then it is pushed.
        push = (dice.randrange(VOCABULARY),) if number % 5 == 0 else ()
        append = [(*tokens, *push) for tokens in drawn]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("sharing", Sharing)
def test_bf16_rounds_and_no_more(sharing: Sharing, device: str) -> None:
    network = random_network(sharing)
    tokens = random_tokens(60)
    engine = CudaEngine(network, device=device)
    expected = network(torch.tensor([tokens]))[0, -1]
    error = engine.logits(engine.open(0), tokens).cpu() - expected
    assert (
        float(error.square().mean().sqrt() / expected.std()) < 0.1
    )  # these weights are large, and so is what rounding does


@pytest.mark.parametrize("device", DEVICES)
def test_more_tokens_than_a_pass_holds_take_several(device: str) -> None:
    network = random_network(Sharing.PARTITIONED, context=SIZES[-1] + 100)
    tokens = random_tokens(SIZES[-1] + 100)
    engine = CudaEngine(network, dtype=torch.float32, device=device)
    one, other = engine.open(0), engine.open(1)
    steps = [Step(keep=0, append=tuple(each), draw=GREEDY) for each in (tokens[:90], tokens)]
    drawn = engine.run(list(zip((one, other), steps, strict=True)))
    assert drawn == [(int(network(torch.tensor([each]))[0, -1].argmax()),) for each in (tokens[:90], tokens)]


@pytest.mark.parametrize("device", DEVICES)
@torch.inference_mode()
def test_a_partitioned_group_never_reads_another_s_keys(device: str) -> None:
    network = random_network(Sharing.PARTITIONED)
    tokens = random_tokens(60)
    engine = CudaEngine(network, dtype=torch.float32, device=device)
    sequence = engine.open(0)
    engine.run([(sequence, Step(keep=0, append=tuple(tokens)))])
    for at, token in enumerate(tokens[: -network.config.window]):
        others = [group for group in range(GROUPS) if group != GROUP_OF_TOKEN[token] and not IN_HEADER[token]]
        engine._pool.memory[:, others, at] = torch.nan
    expected = network(torch.tensor([[*tokens, 7]]))[0, -1]
    torch.testing.assert_close(engine.logits(sequence, [7]).cpu(), expected, atol=1e-4, rtol=1e-4)


def test_a_slot_that_was_left_is_taken_again() -> None:
    engine = CudaEngine(random_network(), dtype=torch.float32, device="cpu", max_sequences=2)
    first, second = engine.open(0), engine.open(0)
    engine.run([(each, Step(keep=0, append=tuple(random_tokens(40)))) for each in (first, second)])
    first.close()
    again = engine.open(0)
    assert again.slot == first.slot
    assert engine.run([(again, Step(keep=0, append=(1, 2), draw=GREEDY))]) == [
        (int(random_network()(torch.tensor([[1, 2]]))[0, -1].argmax()),)
    ]


def test_damaged_weights_are_told() -> None:
    network = random_network()
    network.norm.weight.fill_(torch.nan)
    engine = CudaEngine(network, device="cpu")
    with pytest.raises(TradefoursError, match="expected finite logits, got nan"):
        engine.run([(engine.open(0), Step(keep=0, append=(1,), draw=GREEDY))])


def test_people_may_read_what_computes() -> None:
    assert CudaEngine(random_network(), device="cpu").backend == "cuda bf16 (processor)"


def test_without_a_gpu_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(CudaUnavailable, match="expected an NVIDIA GPU"):
        make_engine(random_network(), backend="cuda")


def test_where_the_gpu_fails_the_processor_plays(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_memory(*_: object) -> None:
        raise torch.OutOfMemoryError("out of memory\nand more of it")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr("model.engine.cuda.engine.find_spec", lambda name: name)
    monkeypatch.setattr("model.engine.cuda.engine.Pool", no_memory)
    with caplog.at_level(logging.WARNING):
        assert not make_engine(random_network()).backend.startswith("cuda")
    assert "got: out of memory; the processor plays in its place" in caplog.text
    with pytest.raises(CudaUnavailable, match="expected a GPU ready for 8 sequences"):
        make_engine(random_network(), backend="cuda")


@is_cuda
@needs_cuda
def test_the_gpu_is_taken_where_there_is_one() -> None:
    assert make_engine(random_network()).backend.startswith("cuda bf16")
