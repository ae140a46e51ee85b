"""Names lead to networks; what leads nowhere is answered with what there is."""

from pathlib import Path

import pytest
import torch

from model import registry
from model.checkpoint import save_network
from model.networks.config import preset
from model.registry import load, load_any, resolve, shipped, shipped_by_size
from music.errors import BadCheckpoint
from tests.model.random_networks import random_network
from tests.model.random_performers import random_performer


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two networks shipped, and a folder that is none."""
    monkeypatch.setattr(registry, "WEIGHTS", tmp_path)
    for seed, name in enumerate(["small", "grand"]):
        save_network(random_network(seed=seed), tmp_path / name, about={})
    (tmp_path / "notes").mkdir()
    return tmp_path


def test_shipped_networks_are_the_folders_with_an_index(weights: Path) -> None:
    assert shipped() == ["grand", "small"]
    assert resolve("small") == weights / "small"


def test_a_shipped_network_loads_by_name(weights: Path) -> None:
    expected = random_network(seed=1).state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in load("grand").state_dict().items())


def test_a_path_is_as_good_as_a_name(weights: Path) -> None:
    assert resolve(str(weights / "grand")) == weights / "grand"
    assert load(weights / "grand").config == random_network().config


def test_perceivers_is_the_largest_network_for_solo_piano(weights: Path) -> None:
    with pytest.raises(BadCheckpoint, match="expected weights for solo piano beside the code, got none: train some"):
        resolve("perceivers")
    save_network(random_performer(), weights / "perceivers-small", about={})
    save_network(random_performer(layers=4), weights / "perceivers-long", about={})
    assert resolve("perceivers") == weights / "perceivers-long"
    assert resolve("perceivers-small") == weights / "perceivers-small"
    assert shipped_by_size() == ["grand", "small"]


@pytest.mark.parametrize("name", ["nobody", "small/nobody", "notes\0"])
def test_an_unknown_name_is_answered_with_the_known(weights: Path, name: str) -> None:
    with pytest.raises(BadCheckpoint, match=r"expected a shipped network \(grand, small\) or a path that exists, got"):
        resolve(name)


def test_a_folder_that_is_no_network_is_refused(weights: Path) -> None:
    with pytest.raises(BadCheckpoint, match=r"expected weights at .*index\.json"):
        load(weights / "notes")


def test_tiny_is_always_the_same_and_leaves_the_dice_alone() -> None:
    before = torch.random.get_rng_state()
    one, two = load("tiny"), load("tiny")
    assert torch.equal(torch.random.get_rng_state(), before)
    assert one.config == preset("tiny")
    assert torch.equal(one(torch.tensor([[1, 2]])), two(torch.tensor([[1, 2]])))


def test_every_network_in_the_repository_loads() -> None:
    for name in shipped():
        assert load_any(name).config.layers
