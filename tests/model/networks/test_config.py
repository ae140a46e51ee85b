"""Sizes that fit together, or a reason why not."""

from dataclasses import fields
from typing import Any

import pytest
import torch

from model.networks.config import PRESETS, NetworkConfig, Sharing, preset
from model.networks.decoder import Decoder
from music.errors import BadSetting


@pytest.mark.parametrize(
    ("sharing", "kv_heads", "projections"),
    [("mha", 8, 8), ("gqa", 4, 4), ("mqa", 1, 1), ("grouped", 4, 4), ("routed", 1, 4), ("partitioned", 4, 4)],
)
def test_each_sharing_stores_its_number_of_kv_heads(sharing: str, kv_heads: int, projections: int) -> None:
    config = NetworkConfig(sharing=Sharing(sharing))
    assert (config.kv_heads, config.kv_projections) == (kv_heads, projections)


def _expected_parameters(config: NetworkConfig) -> int:
    into_heads = config.width * (config.heads + 2 * config.kv_projections) * config.head_size
    out_of_heads = config.heads * config.head_size * config.width
    mlp = 3 * config.width * config.hidden
    return (
        config.vocabulary * config.width
        + config.layers * (into_heads + out_of_heads + mlp + 2 * config.width)
        + (config.width)
    )


@pytest.mark.parametrize(("name", "millions"), [("tiny", 0.1), ("small", 10.1), ("medium", 33.5), ("large", 101.4)])
def test_presets_have_the_size_that_they_are_known_for(name: str, millions: float) -> None:
    with torch.device("meta"):
        count = sum(parameter.numel() for parameter in Decoder(PRESETS[name]).parameters())
    assert count == _expected_parameters(PRESETS[name])
    assert round(count / 1e6, 1) == millions


def test_an_unknown_preset_is_answered_with_the_known() -> None:
    with pytest.raises(BadSetting, match="expected a preset of tiny, small, medium, large, got 'huge'"):
        preset("huge")


@pytest.mark.parametrize("name", [field.name for field in fields(NetworkConfig) if field.name != "sharing"])
@pytest.mark.parametrize("size", [0, -4])
def test_a_size_below_one_is_refused(name: str, size: int) -> None:
    sizes: dict[str, Any] = {name: size}
    with pytest.raises(BadSetting, match=rf"expected .* got .*{name}={size}"):
        NetworkConfig(**sizes)


def test_heads_that_cannot_be_shared_among_the_groups_are_refused() -> None:
    with pytest.raises(BadSetting, match="expected a multiple of 4 heads, got 6"):
        NetworkConfig(heads=6)


def test_a_head_that_cannot_be_halved_is_refused() -> None:
    with pytest.raises(BadSetting, match="an even head size"):
        NetworkConfig(head_size=7)
