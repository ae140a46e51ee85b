"""Who sees whom, by hand; and whose matrices a token goes through."""

import pytest
import torch

from model.networks.attention import Attention, Tagger, hidden, rotate
from model.networks.config import GROUPS, Sharing
from model.networks.decoder import Decoder
from model.tokens.vocabulary import BAR, BEGIN, DURATION, METER, PART, PITCH, POSITION, PROGRAM, TEMPO, VELOCITY
from tests.model.random_networks import random_network, random_tokens

# A header, and the beginning of a bar: position 0, then two notes.
MUSIC = [
    *(BEGIN[0], METER[5], TEMPO[9], PART[0], PROGRAM[3], BAR[0], POSITION[0]),
    *(PART[0], PITCH[60], VELOCITY[9], DURATION[7], PART[0], PITCH[64]),
]
WINDOW = 4
HEADER = {0, 1, 2, 4}  # the part's name is a word of the music, too
OF_GROUP = [{0, 1, 2, 5, 6}, {3, 4, 7, 11}, {8, 12}, {9, 10}]


def test_partitioned_groups_see_their_own_the_header_and_a_window() -> None:
    network = random_network(Sharing.PARTITIONED)
    assert network.config.window == WINDOW
    mask = hidden(network.config, Tagger()(torch.tensor(MUSIC)), 0)
    assert mask is not None
    assert mask.shape == (GROUPS, len(MUSIC), len(MUSIC))
    for group in range(GROUPS):
        for query in range(len(MUSIC)):
            for key in range(len(MUSIC)):
                own_or_near = key in OF_GROUP[group] | HEADER or query - key < WINDOW
                visible = key <= query and own_or_near
                assert float(mask[group, query, key]) == (0.0 if visible else -torch.inf), (group, query, key)


def test_the_newest_queries_see_what_they_see_in_the_whole() -> None:
    config = random_network(Sharing.PARTITIONED).config
    tags = Tagger()(torch.tensor(MUSIC))
    whole, newest = hidden(config, tags, 0), hidden(config, tags, 9)
    assert whole is not None
    assert newest is not None
    assert torch.equal(whole[:, 9:], newest)


@pytest.mark.parametrize("sharing", [sharing for sharing in Sharing if sharing is not Sharing.PARTITIONED])
def test_elsewhere_nothing_of_the_past_is_hidden(sharing: Sharing) -> None:
    assert hidden(random_network(sharing).config, Tagger()(torch.tensor(MUSIC)), 0) is None


def _without_groups(network: Decoder, silenced: set[int]) -> Decoder:
    """The key and value matrices of these groups set to 0 in every layer."""
    config = network.config
    for block in network.blocks:
        weight = block.get_parameter("attention.qkv.weight").data
        projections = weight[config.heads * config.head_size :].view(2, GROUPS, config.head_size, config.width)
        projections[:, list(silenced)] = 0
    return network


@pytest.mark.parametrize("group", range(GROUPS))
def test_a_routed_token_goes_through_its_own_groups_matrices_alone(group: int) -> None:
    one_of_each = [BAR[0], PART[3], PITCH[60], VELOCITY[9]]
    tokens = torch.tensor([[one_of_each[group]] * 5])
    whole = random_network(Sharing.ROUTED)(tokens)
    others_gone = _without_groups(random_network(Sharing.ROUTED), set(range(GROUPS)) - {group})(tokens)
    own_gone = _without_groups(random_network(Sharing.ROUTED), {group})(tokens)
    assert torch.equal(whole, others_gone)
    assert not torch.allclose(whole, own_gone, atol=1e-2)


def test_velocity_and_duration_share_the_group_of_expression() -> None:
    tags = Tagger()(torch.tensor([VELOCITY[0], DURATION[0], PITCH[0]]))
    assert tags.group.tolist() == [3, 3, 2]


def test_a_grouped_network_starts_out_minding_its_own_attributes() -> None:
    fresh = Decoder(random_network(Sharing.GROUPED).config)
    leaning = fresh.blocks[0].get_parameter("attention.leaning")
    assert leaning.tolist() == [[1, 0, 0, 0, 0], [0, 1, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 1, 1]]


def test_a_groups_leaning_is_felt_by_that_groups_heads_alone() -> None:
    network = random_network(Sharing.GROUPED)
    attention, tokens = network.blocks[0].get_submodule("attention"), torch.tensor([MUSIC])
    attention.get_parameter("out.weight").data = torch.eye(128)
    x = torch.randn(1, len(MUSIC), network.config.width, generator=torch.Generator().manual_seed(3))
    before = attention(x, network.tag(tokens), network.rotary(0, len(MUSIC)))
    attention.get_parameter("leaning").data[2] += torch.tensor([0.0, 0, 3, 0, 0])
    after = attention(x, network.tag(tokens), network.rotary(0, len(MUSIC)))
    changed = (after - before).abs().amax(dim=(0, 1)).view(GROUPS, -1).amax(dim=1) > 1e-4
    assert changed.tolist() == [False, False, True, False]


def test_turned_scores_depend_on_distance_alone() -> None:
    network = random_network()
    query, key = torch.randn(2, 1, 16, generator=torch.Generator().manual_seed(5))

    def score(at: int, back: int) -> float:
        turned = rotate(query, network.rotary(at, at + 1)) @ rotate(key, network.rotary(at - back, at - back + 1)).T
        return float(turned)

    assert score(9, 4) == pytest.approx(score(80, 4), abs=1e-4)
    assert score(9, 4) != pytest.approx(score(9, 5), abs=1e-3)
    assert rotate(query, network.rotary(50, 51)).norm() == pytest.approx(float(query.norm()), rel=1e-5)


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
@torch.no_grad()  # on a CPU it goes forward only
def test_the_fused_kernels_rule_is_the_masks() -> None:
    network = random_network(Sharing.PARTITIONED)
    attention = network.blocks[0].attention
    assert isinstance(attention, Attention)
    tags = network.tag(torch.tensor([random_tokens(90, seed) for seed in (1, 2)]))
    x = torch.randn(2, 90, network.config.width)
    turn = network.rotary(0, 90)
    fused = attention.project_out(attention.flex(*attention.project(x, tags, turn), tags))
    assert torch.allclose(fused, attention(x, tags, turn), atol=1e-5)
