"""The cached network is the network: same logits, whatever the chunks; and no look ahead."""

from itertools import accumulate, pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model.networks.config import Sharing
from model.networks.decoder import KVCache
from model.tokens.vocabulary import VOCABULARY
from tests.model.random_networks import random_network, random_tokens

NETWORKS = {sharing: random_network(sharing) for sharing in Sharing}
sharings = st.sampled_from(Sharing)


@pytest.mark.parametrize("sharing", Sharing)
def test_a_cache_holds_the_kv_heads_of_its_sharing(sharing: Sharing) -> None:
    network = NETWORKS[sharing]
    cache = KVCache.empty(network.config)
    config = network.config
    assert cache.memory.shape == (2 * config.layers, config.kv_heads, config.context, config.head_size)
    assert cache.capacity == config.context
    hidden = network.extend([(cache, random_tokens(3)), (cache.fork(), random_tokens(5))])
    assert hidden.shape == (2, config.width)
    assert network.logits(hidden, 10, 30).shape == (2, 20)
    assert network(torch.tensor([random_tokens(7)] * 2)).shape == (2, 7, VOCABULARY)


@given(sharings, st.lists(st.integers(1, 20), min_size=1, max_size=4), st.integers(0, 99))
def test_cached_chunks_of_any_size_equal_the_whole(sharing: Sharing, sizes: list[int], seed: int) -> None:
    network = NETWORKS[sharing]
    tokens = random_tokens(sum(sizes), seed)
    whole = network(torch.tensor([tokens]))[0]
    cache = KVCache.empty(network.config)
    for start, stop in pairwise(accumulate(sizes, initial=0)):
        logits = network.logits(network.extend([(cache, tokens[start:stop])])[0], 0, VOCABULARY)
        torch.testing.assert_close(logits, whole[stop - 1], atol=1e-4, rtol=1e-4)


@given(sharings, st.lists(st.tuples(st.integers(0, 30), st.integers(1, 20)), min_size=1, max_size=5))
def test_a_ragged_batch_equals_each_alone(sharing: Sharing, lengths: list[tuple[int, int]]) -> None:
    network = NETWORKS[sharing]
    chunks, expected = [], []
    for seed, (before, new) in enumerate(lengths):
        tokens = random_tokens(before + new, seed)
        cache = KVCache.empty(network.config)
        if before:
            network.extend([(cache, tokens[:before])])
        chunks.append((cache, tokens[before:]))
        expected.append(network(torch.tensor([tokens]))[0, -1])
    logits = network.logits(network.extend(chunks), 0, VOCABULARY)
    torch.testing.assert_close(logits, torch.stack(expected), atol=1e-4, rtol=1e-4)


@given(sharings, st.integers(1, 23))
def test_a_later_token_changes_nothing_before_it(sharing: Sharing, at: int) -> None:
    tokens = random_tokens(24)
    other = [*tokens[:at], *random_tokens(24 - at, seed=2)]
    other[at] = (tokens[at] + 1) % VOCABULARY
    one, two = NETWORKS[sharing](torch.tensor([tokens, other]))
    assert torch.equal(one[:at], two[:at])
    assert not torch.allclose(one[at], two[at], atol=1e-2)


@pytest.mark.parametrize("sharing", Sharing)
def test_a_token_is_felt_in_the_logits_after_it(sharing: Sharing) -> None:
    tokens = random_tokens(20)
    one, two = NETWORKS[sharing](torch.tensor([tokens, [*tokens[:17], tokens[17] ^ 1, *tokens[18:]]]))
    assert not torch.allclose(one[19], two[19], atol=1e-3)


@pytest.mark.parametrize("sharing", Sharing)
def test_a_slice_of_logits_is_cut_from_the_whole(sharing: Sharing) -> None:
    network = NETWORKS[sharing]
    hidden = network.extend([(KVCache.empty(network.config), random_tokens(9))])
    whole = network.logits(hidden, 0, VOCABULARY)
    torch.testing.assert_close(network.logits(hidden, 300, 420), whole[:, 300:420])


def test_a_fork_shares_nothing() -> None:
    network = NETWORKS[Sharing.MHA]
    cache = KVCache.empty(network.config)
    network.extend([(cache, random_tokens(9))])
    before = cache.memory.clone(), cache.tokens.clone()
    network.extend([(cache.fork(), random_tokens(5))])
    assert cache.length == 9
    assert torch.equal(cache.memory, before[0])
    assert torch.equal(cache.tokens, before[1])
