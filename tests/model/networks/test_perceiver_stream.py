"""Kept is as good as computed anew; rolling drifts, and rewinding leaves no trace."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from model.networks.perceiver import Join, Perceiver
from model.networks.perceiver_stream import PerceiverStream
from tests.model.networks.test_perceiver import TINY, network, some_tokens

LATENTS, CONTEXT = TINY.latents, TINY.context


def anew(net: Perceiver, tokens: list[int], window: tuple[int, int]) -> Tensor:
    """The last token's logits as training computes them, for the crop that ends with the window."""
    first, end = window
    oldest = max(0, end - net.config.context)
    crop = torch.tensor([tokens[oldest:] + [0] * (end - len(tokens))])
    logits: Tensor = net(crop, latents=end - first)[0, len(tokens) - 1 - first]
    return logits


@pytest.mark.parametrize("join", list(Join))
@pytest.mark.parametrize("short", [LATENTS, 2 * LATENTS, None])
def test_exact_is_what_training_computes_far_beyond_the_context(join: Join, short: int | None) -> None:
    net, tokens = network(join=join, short=short), some_tokens(2 * CONTEXT).flatten().tolist()
    stream = PerceiverStream(net)
    for length in range(1, len(tokens) + 1):
        logits = stream.append(tokens[length - 1 : length])
        first, end = stream.ends
        assert first < length <= end
        assert torch.allclose(logits, anew(net, tokens[:length], (first, end)), atol=1e-8)


@pytest.mark.parametrize("is_rolling", [False, True])
@pytest.mark.parametrize("prompt", [1, LATENTS, LATENTS + 1, CONTEXT + 30])
def test_a_prompt_at_once(is_rolling: bool, prompt: int) -> None:
    net, tokens = network(), some_tokens(prompt).flatten().tolist()
    stream = PerceiverStream(net, is_rolling=is_rolling)
    logits = stream.append(tokens)
    end = prompt if is_rolling and prompt > LATENTS else stream.ends[1]
    assert torch.allclose(logits, anew(net, tokens, (stream.ends[0], end)), atol=1e-8)


def test_rolling_is_exact_until_a_latent_has_left_and_drifts_then() -> None:
    net, tokens = network(), some_tokens(3 * LATENTS).flatten().tolist()
    stream = PerceiverStream(net, is_rolling=True)
    drifts = []
    for length in range(1, len(tokens) + 1):
        logits = stream.append(tokens[length - 1 : length])
        window = max(0, length - LATENTS), length
        drifts.append((logits - anew(net, tokens[:length], window)).abs().max().item())
    assert max(drifts[:LATENTS]) < 1e-8
    assert min(drifts[LATENTS + 1 :]) > 1e-8


@given(
    is_rolling=st.booleans(),
    moves=st.lists(st.tuples(st.integers(0, 3 * CONTEXT), st.integers(1, 2 * LATENTS)), min_size=1, max_size=8),
)
@settings(max_examples=25, deadline=None)
def test_after_a_rewind_nothing_is_left_of_what_was(is_rolling: bool, moves: list[tuple[int, int]]) -> None:
    net = network()
    stream = PerceiverStream(net, is_rolling=is_rolling)
    tokens = list[int]()
    for seed, (kept, added) in enumerate(moves):
        kept = min(kept, len(tokens))
        stream.keep(kept)
        more = some_tokens(added, seed).flatten().tolist()
        tokens = tokens[:kept] + more
        logits = stream.append(more)
        assert len(stream) == len(tokens)
        assert logits.isfinite().all()
        if not is_rolling:
            assert torch.allclose(logits, anew(net, tokens, stream.ends), atol=1e-8)


def test_what_is_kept_does_not_grow() -> None:
    stream = PerceiverStream(network())
    before = stream.size_bytes
    stream.append(some_tokens(4 * CONTEXT).flatten().tolist())
    assert stream.size_bytes == before == 8 * 4 * 16 * 2 * ((CONTEXT + LATENTS) + (16 + LATENTS) + 2 * LATENTS)


@given(st.lists(st.tuples(st.integers(1, LATENTS), st.booleans()), min_size=4, max_size=12))
@settings(max_examples=20, deadline=None)
def test_the_portions_in_which_tokens_come_leave_no_trace(portions: list[tuple[int, bool]]) -> None:
    net, tokens = network(), list[int]()
    stream = PerceiverStream(net)
    for seed, (count, asks) in enumerate(portions):
        more = some_tokens(count, seed).flatten().tolist()
        tokens += more
        if asks:
            assert torch.allclose(stream.append(more), anew(net, tokens, stream.ends), atol=1e-8)
        else:
            stream.read(more)
    at_once = PerceiverStream(net)
    at_once.append(tokens)
    stream.keep(len(tokens) - 1)
    stream.append(tokens[-1:])
    assert stream.ends == at_once.ends


@pytest.mark.parametrize("is_rolling", [False, True])
def test_a_fork_goes_its_own_way(is_rolling: bool) -> None:
    net, tokens = network(), some_tokens(CONTEXT + 9).flatten().tolist()
    stream = PerceiverStream(net, is_rolling=is_rolling)
    stream.append(tokens[:-1])
    copy = stream.fork()
    copy.append(some_tokens(LATENTS, 3).flatten().tolist())
    expected = stream.fork().append(tokens[-1:])
    assert torch.equal(stream.append(tokens[-1:]), expected)
    assert len(copy) == len(tokens) - 1 + LATENTS
