"""Who sees whom, element by element; what no query can know; every way to join."""

import pytest
import torch
from torch import Tensor

from model.networks.perceiver import PRESETS, Join, Perceiver, PerceiverConfig, seen
from model.tokens.performance import SIZE
from music.errors import BadSetting

TINY = PRESETS["perceivers-tiny"]


def network(**changes: object) -> Perceiver:
    torch.manual_seed(5)
    sizes = {name: getattr(TINY, name) for name in TINY.__slots__} | changes
    made = Perceiver(PerceiverConfig(**sizes)).double().eval()
    for parameter in made.parameters():  # as they are at first, nearly nothing would come through
        torch.nn.init.normal_(parameter, std=0.2)
    return made


def some_tokens(count: int, seed: int = 1) -> Tensor:
    return torch.randint(SIZE, (1, count), generator=torch.Generator().manual_seed(seed))


def drawn(mask: Tensor) -> list[str]:
    return ["".join("#" if sees else "." for sees in row) for row in mask.tolist()]


def test_three_queries_over_a_context_of_five() -> None:
    assert drawn(seen(3, 5)) == ["###..", "####.", "#####"]


def test_the_scale_mask_hides_the_same_leading_keys_from_every_query() -> None:
    assert drawn(seen(3, 5, short=3)) == ["..#..", "..##.", "..###"]
    assert drawn(seen(3, 5, short=4)) == [".##..", ".###.", ".####"]


def test_padding_is_seen_by_nobody() -> None:
    mask = seen(2, 5, pads=torch.tensor([0, 2]))
    assert mask.shape == (2, 1, 2, 5)
    assert drawn(mask[0, 0]) == ["####.", "#####"]
    assert drawn(mask[1, 0]) == ["..##.", "..###"]


def test_as_many_queries_as_keys_is_the_causal_mask() -> None:
    assert torch.equal(seen(4, 4), torch.ones(4, 4).tril().bool())


@pytest.mark.parametrize("join", list(Join))
def test_no_logit_knows_what_comes_after_it(join: Join) -> None:
    net, tokens = network(join=join), some_tokens(40)
    other = tokens.clone()
    other[0, 35] = (other[0, 35] + 1) % SIZE
    before, after = net(tokens)[0], net(other)[0]
    changed = (before - after).abs().amax(dim=-1) > 1e-9
    assert changed.tolist() == [False] * 11 + [True] * 5  # 16 latents, of which the last 5 see position 35


@pytest.mark.parametrize("join", list(Join))
def test_the_whole_context_matters(join: Join) -> None:
    net, tokens = network(join=join), some_tokens(64)
    other = tokens.clone()
    other[0, 0] = (other[0, 0] + 1) % SIZE
    assert (net(tokens) - net(other)).abs().amax(dim=-1).min() > 1e-9


def test_the_short_context_alone_knows_nothing_older() -> None:
    net, tokens = network(), some_tokens(64)
    net.crosses[0].out.weight.data.zero_()  # type: ignore[operator, union-attr]
    other = tokens.clone()
    other[0, 47] = (other[0, 47] + 1) % SIZE  # the newest that a short context of 16 leaves out
    assert torch.equal(net(tokens), net(other))
    other[0, 48] = (other[0, 48] + 1) % SIZE
    assert not torch.equal(net(tokens), net(other))


def test_one_scale_is_perceiver_ar() -> None:
    net = network(short=None)
    assert len(net.crosses) == 1
    assert net(some_tokens(30)).shape == (1, 16, SIZE)


def test_padding_changes_nothing() -> None:
    net, tokens = network(), some_tokens(30)
    padded = torch.cat((some_tokens(10, seed=2), tokens), dim=1)
    plain, behind = net(tokens), net(padded, pads=torch.tensor([10]))
    assert torch.allclose(plain, behind, atol=1e-9)  # positions are relative


def test_fewer_tokens_than_latents() -> None:
    net, tokens = network(), some_tokens(30)
    assert torch.allclose(net(tokens[:, :7]), net(tokens[:, :16])[:, :7], atol=1e-9)


def test_the_preset_of_the_paper_has_its_size() -> None:
    with torch.device("meta"):
        net = Perceiver(PRESETS["perceivers"])
    assert 320e6 < sum(parameter.numel() for parameter in net.parameters()) < 340e6


@pytest.mark.parametrize("sizes", [{"short": 8}, {"short": 128}, {"context": 8, "short": None}])
def test_sizes_that_make_no_sense_are_refused(sizes: dict[str, int | None]) -> None:
    with pytest.raises(BadSetting, match="expected a"):
        network(**sizes)
