"""Embedding pooling predicts the same tokens from the same past, however they reach its cache."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.engines import music
from benchmarks.study.plan import POOLED
from benchmarks.study.pooled import Pooled, wired
from model.networks.config import NetworkConfig, Sharing
from model.networks.decoder import Decoder, KVCache
from model.tokens.vocabulary import POSITION
from music.errors import BadSetting
from tests.model.random_networks import random_tokens

CONFIG = NetworkConfig(sharing=Sharing.MHA, layers=3, width=64, heads=4, head_size=16, hidden=64, context=96)
TOKENS = music(48) + random_tokens(48)  # words as they are, and words that no grammar knows


def made() -> Pooled:
    torch.manual_seed(0)
    network = Pooled(CONFIG).eval()
    for parameter in network.parameters():
        parameter.requires_grad_(False).mul_(5)  # so that every path shows
    return network


NETWORK = made()
WHOLE = NETWORK(torch.tensor([TOKENS]))[0]


@settings(max_examples=15)
@given(st.lists(st.tuples(st.integers(1, 30), st.integers(0, 40)), min_size=2, max_size=8))
def test_a_cache_that_grows_and_is_cut_anywhere_says_what_the_whole_says(cuts: list[tuple[int, int]]) -> None:
    cut, growing = KVCache.empty(CONFIG), KVCache.empty(CONFIG)
    for more, less in cuts:
        cut.length = max(0, cut.length - less)
        work = [(cache, TOKENS[cache.length : cache.length + more]) for cache in (cut, growing)]
        work = [(cache, ids) for cache, ids in work if ids]
        for (cache, _), output in zip(work, NETWORK.extend(work), strict=True):
            logits = NETWORK.logits(output, 0, CONFIG.vocabulary)
            torch.testing.assert_close(logits, WHOLE[cache.length - 1], rtol=1e-3, atol=1e-3)


def test_rows_of_a_batch_do_not_see_each_other_and_nothing_sees_what_is_to_come() -> None:
    others = torch.tensor([TOKENS[:40], random_tokens(40, seed=7), TOKENS[:30] + random_tokens(10, seed=8)])
    found = NETWORK(others)
    torch.testing.assert_close(found[0], WHOLE[:40], rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(found[2, :30], WHOLE[:30], rtol=1e-3, atol=1e-3)


def test_all_layers_but_the_last_read_a_note_once() -> None:
    cache, at = KVCache.empty(CONFIG), next(i for i, token in enumerate(TOKENS) if token in POSITION)
    NETWORK.extend([(cache, TOKENS[:at])])
    read = []
    for token in TOKENS[at : at + 9]:  # a chord of two notes
        NETWORK.extend([(cache, [token])])
        read.append(int(cache.memory[:-2].any(dim=-1).any(dim=1).any(dim=0).sum()))
    assert [now - before for before, now in pairwise(read)] == [0, 0, 0, 1, 0, 0, 0, 1]


def test_it_is_wired_from_the_weights_of_mha_and_of_nothing_else() -> None:
    decoder = Decoder(CONFIG)
    pooled = wired(POOLED, decoder)
    assert isinstance(pooled, Pooled)
    assert all(torch.equal(weight, decoder.state_dict()[name]) for name, weight in pooled.state_dict().items())
    assert wired("mha", decoder) is decoder
    with pytest.raises(BadSetting, match="expected two layers of mha or more, got 2 of routed"):
        Pooled(NetworkConfig(layers=2))
