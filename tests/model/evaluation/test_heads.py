"""What heads look at is what attention computes with; a group that is switched off says nothing."""

import pytest
import torch

from model.evaluation.heads import attention_mass, attention_weights, specialisation, without_group
from model.networks.config import GROUPS, Sharing
from model.networks.decoder import Block
from tests.model.random_networks import SMALL, random_network, random_tokens

TOKENS = random_tokens(48)


@pytest.mark.parametrize("sharing", Sharing)
def test_the_weights_are_those_of_the_fused_attention(sharing: Sharing) -> None:
    network = random_network(sharing)
    block = network.blocks[0]
    assert isinstance(block, Block)
    tags, turn = network.tag(torch.tensor([TOKENS])), network.rotary(0, len(TOKENS))
    x = block.norm_attention(network.embedding(torch.tensor([TOKENS])))
    weights = attention_weights(block.attention, x, tags, turn)
    value = block.attention.project(x, tags, turn)[2]
    value = value.repeat_interleave(SMALL.heads // value.shape[1], dim=1)
    torch.testing.assert_close(block.attention.project_out(weights @ value), block.attention(x, tags, turn))


def test_each_head_has_one_attention_to_give() -> None:
    mass = attention_mass(random_network(Sharing.GROUPED), TOKENS)
    assert mass.shape == (SMALL.layers, SMALL.heads, GROUPS)
    torch.testing.assert_close(mass.sum(dim=-1), torch.ones(SMALL.layers, SMALL.heads))


def test_heads_that_look_at_the_same_are_not_special_and_those_that_share_nothing_are_wholly() -> None:
    same, apart = torch.full((1, 8, 4), 0.25), torch.eye(4).repeat(2, 1)[None]
    assert specialisation(same).tolist() == [0]
    assert specialisation(apart).tolist() == [pytest.approx(2)]
    assert specialisation(apart[:, torch.randperm(8)]).tolist() == [pytest.approx(2)]


def test_without_all_its_groups_a_network_ignores_the_past() -> None:
    network, tokens = random_network(Sharing.GROUPED), torch.tensor([TOKENS])
    one_off = without_group(network, 2)
    all_off = network
    for group in range(GROUPS):
        all_off = without_group(all_off, group)
    elsewhere = torch.tensor([[*random_tokens(47, seed=9), TOKENS[-1]]])
    with torch.inference_mode():
        assert not torch.allclose(one_off(tokens), network(tokens))
        torch.testing.assert_close(all_off(tokens)[0, -1], all_off(elsewhere)[0, -1])
        assert not torch.allclose(network(tokens)[0, -1], network(elsewhere)[0, -1])
