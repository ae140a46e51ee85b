"""Weights come back as they were, or not at all."""

import hashlib
import json
import os
import pickle
import struct
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load, save

from model.checkpoint import INDEX, KEY, SHARD_BYTES, load_network, save_network
from model.networks.config import NetworkConfig, Sharing
from model.networks.decoder import Decoder
from music.errors import BadCheckpoint
from tests.model.random_networks import random_network, random_tokens

ABOUT = {"data": "made up", "steps": "12"}
TOKENS = torch.tensor([random_tokens(20)])


@pytest.fixture
def one_file(tmp_path: Path) -> Path:
    path = tmp_path / "network.safetensors"
    save_network(random_network(), path, about=ABOUT)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "network"
    save_network(random_network(), path, about=ABOUT)
    return path


def big_network() -> Decoder:
    """So large that it needs three shards, one of them half full."""
    config = NetworkConfig(layers=5, width=256, heads=8, head_size=32, hidden=1800, context=16)
    torch.manual_seed(0)
    return Decoder(config)


@pytest.mark.parametrize("sharing", Sharing)
@pytest.mark.parametrize("name", ["network", "network.safetensors"])
def test_every_sharing_comes_back_to_the_bit(sharing: Sharing, name: str, tmp_path: Path) -> None:
    network = random_network(sharing)
    save_network(network, tmp_path / name, about=ABOUT)
    loaded = load_network(tmp_path / name)
    assert loaded.config == network.config
    with torch.no_grad():
        assert torch.equal(loaded(TOKENS), network(TOKENS))


def test_bf16_takes_half_the_bytes_and_comes_back_in_float32(one_file: Path, tmp_path: Path) -> None:
    network = random_network()
    save_network(network, tmp_path / "half.safetensors", about=ABOUT, bf16=True)
    assert (tmp_path / "half.safetensors").stat().st_size == pytest.approx(one_file.stat().st_size / 2, rel=0.05)
    loaded = load_network(tmp_path / "half.safetensors")
    for name, tensor in loaded.state_dict().items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, network.state_dict()[name].bfloat16().float())


def test_a_large_network_lies_in_shards_below_16_mb(tmp_path: Path) -> None:
    network = big_network()
    save_network(network, tmp_path, about=ABOUT)
    shards = sorted(tmp_path.glob("*.safetensors"))
    assert [shard.name for shard in shards] == [f"model-0000{i}-of-00003.safetensors" for i in (1, 2, 3)]
    assert all(shard.stat().st_size < 16_000_000 for shard in shards)
    assert shards[0].stat().st_size > SHARD_BYTES // 2
    index = json.loads((tmp_path / INDEX).read_text())
    assert index["about"] == ABOUT
    assert index["files"] == {shard.name: hashlib.sha256(shard.read_bytes()).hexdigest() for shard in shards}
    assert torch.equal(load_network(tmp_path)(TOKENS[:, :16]), network(TOKENS[:, :16]))


def test_a_smaller_network_saved_in_its_place_leaves_nothing_of_it(tmp_path: Path) -> None:
    save_network(big_network(), tmp_path, about=ABOUT)
    (tmp_path / "README.md").write_text("what this is")
    save_network(random_network(), tmp_path, about=ABOUT)
    assert {path.name for path in tmp_path.iterdir()} == {"model-00001-of-00001.safetensors", INDEX, "README.md"}
    assert load_network(tmp_path).config == random_network().config


def test_the_same_network_makes_the_same_bytes(one_file: Path, tmp_path: Path) -> None:
    save_network(random_network(), tmp_path / "again.safetensors", about=dict(reversed(ABOUT.items())))
    assert (tmp_path / "again.safetensors").read_bytes() == one_file.read_bytes()


def test_a_failed_save_leaves_the_old_weights(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", no_space)
    with pytest.raises(OSError, match="no space left"):
        save_network(random_network(seed=9), folder, about=ABOUT)
    monkeypatch.undo()
    assert torch.equal(load_network(folder)(TOKENS), random_network()(TOKENS))


def test_loading_rolls_no_dice(one_file: Path) -> None:
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    load_network(one_file)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_loading_does_not_wait_for_the_compiler(one_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for heavy in ("torch._dynamo", "torch.fx.experimental.symbolic_shapes"):
        monkeypatch.setitem(sys.modules, heavy, None)
    load_network(one_file)


def test_a_loaded_network_can_be_trained_on(one_file: Path) -> None:
    network = load_network(one_file)
    network(TOKENS).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


# ---- what is not a network ---------------------------------------------------------------------------


def refused(path: Path, reason: str) -> None:
    with pytest.raises(BadCheckpoint, match=reason) as caught:
        load_network(path)
    assert "\n" not in str(caught.value)


def rewrite(path: Path, change: Callable[[dict[str, Any], dict[str, torch.Tensor]], object]) -> None:
    """Save again with other settings or tensors."""
    data = path.read_bytes()
    header = json.loads(data[8 : 8 + struct.unpack("<Q", data[:8])[0]])
    said, tensors = json.loads(header["__metadata__"][KEY]), load(data)
    change(said["network"], tensors)
    path.write_bytes(save(tensors, {KEY: json.dumps(said)}))


@pytest.mark.parametrize("missing", ["nowhere", "nowhere.safetensors"])
def test_a_path_to_nothing_is_named(missing: str, tmp_path: Path) -> None:
    refused(tmp_path / missing, f"expected weights at .*{missing}")


def test_a_folder_without_an_index_is_none(tmp_path: Path) -> None:
    refused(tmp_path, "expected weights at .*index.json")


@pytest.mark.parametrize("keep", [0, 5, 8, 100, -1, -4000])
def test_a_file_cut_short_is_refused(one_file: Path, keep: int) -> None:
    one_file.write_bytes(one_file.read_bytes()[:keep])
    refused(one_file, "expected")


def test_a_pickle_is_refused_unread(one_file: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
            return pytest.fail, ("it was unpickled",)

    one_file.write_bytes(pickle.dumps(Bomb()))
    refused(one_file, "expected a header of at most")


def test_a_header_that_claims_to_be_huge_is_refused(one_file: Path) -> None:
    one_file.write_bytes(struct.pack("<Q", 2**20 + 1) + bytes(2**21))
    refused(one_file, "expected a header of at most 1048576 bytes in .*, got 1048577")


@pytest.mark.parametrize("header", [b"{", b"[1]", b"{}", b'{"__metadata__": 3}', b"[" * 100_000, b"\xff\xfe"])
def test_a_header_of_something_else_is_refused(one_file: Path, header: bytes) -> None:
    one_file.write_bytes(struct.pack("<Q", len(header)) + header)
    refused(one_file, "expected")


@pytest.mark.parametrize("said", ["", "[]", "{}", '{"network": 3}', '{"network": {}}'])
def test_metadata_without_a_network_is_refused(one_file: Path, said: str) -> None:
    one_file.write_bytes(save(load(one_file.read_bytes()), {KEY: said}))
    refused(one_file, "expected")


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("experts", 8, "too many or too few: experts"),
        ("width", "64", "expected a number for width in .*, got '64'"),
        ("layers", True, "expected a number for layers"),
        ("layers", 2.0, "expected a number for layers"),
        ("layers", None, "expected a number for layers"),
        ("rope_base", "big", "expected a number for rope_base"),
        ("sharing", "none", "expected a network that can be built"),
        ("heads", 6, "expected a multiple of 4 heads, got 6"),
        ("width", 0, "expected positive sizes"),
        ("layers", 10**9, "expected weights of 1000000000 layers"),
        ("layers", 3, r"expected blocks\.2\..* to be .*, got nothing"),
        ("layers", 1, r"expected blocks\.1\..* to be absent, got"),
        ("width", 128, r"expected .* to be \(.*128.*\), got \(.*64.*\)"),
        ("context", 2**40, "expected a context of at most"),
        ("rope_base", float("nan"), "expected positive sizes"),
    ],
)
def test_settings_that_do_not_fit_are_refused(one_file: Path, name: str, value: object, reason: str) -> None:
    rewrite(one_file, lambda settings, _: settings.update({name: value}))
    refused(one_file, reason)


def test_a_setting_left_out_is_refused(one_file: Path) -> None:
    rewrite(one_file, lambda settings, _: settings.pop("window"))
    refused(one_file, "too many or too few: window")


def test_a_tensor_left_out_is_named(one_file: Path) -> None:
    rewrite(one_file, lambda _, tensors: tensors.pop("norm.weight"))
    refused(one_file, r"expected norm\.weight in .* to be \(64,\), got nothing")


def test_a_tensor_too_many_is_named(one_file: Path) -> None:
    rewrite(one_file, lambda _, tensors: tensors.update(extra=torch.zeros(3)))
    refused(one_file, r"expected extra in .* to be absent, got \(3,\)")


def test_whole_numbers_are_no_weights(one_file: Path) -> None:
    rewrite(one_file, lambda _, tensors: tensors.update({"norm.weight": torch.ones(64, dtype=torch.int32)}))
    refused(one_file, r"expected norm\.weight in .* to be of floats, got torch.int32")


def test_a_shard_with_other_bytes_is_refused(folder: Path) -> None:
    (shard,) = folder.glob("*.safetensors")
    data = bytearray(shard.read_bytes())
    data[-1] ^= 1
    shard.write_bytes(data)
    refused(folder, f"expected .*{shard.name} with the checksum in index.json, got other bytes")


def test_a_shard_that_is_gone_is_named(folder: Path) -> None:
    (shard,) = folder.glob("*.safetensors")
    shard.unlink()
    refused(folder, f"expected weights at .*{shard.name}")


@pytest.mark.parametrize("name", ["../network.safetensors", "/etc/hostname", "deep/model.safetensors"])
def test_an_index_names_no_files_elsewhere(folder: Path, name: str) -> None:
    (folder / INDEX).write_text(json.dumps({"files": {name: "0"}}))
    refused(folder, "expected the name of a file in")


@pytest.mark.parametrize("index", ["", "3", "{}", '{"files": []}', '{"files": {}}'])
def test_an_index_of_something_else_is_refused(folder: Path, index: str) -> None:
    (folder / INDEX).write_text(index)
    refused(folder, "expected")


def test_shards_of_two_networks_are_refused(folder: Path) -> None:
    other = Decoder(replace(random_network().config, context=8))
    save_network(other, folder / "other.safetensors", about={})
    index = json.loads((folder / INDEX).read_text())
    index["files"]["other.safetensors"] = hashlib.sha256((folder / "other.safetensors").read_bytes()).hexdigest()
    (folder / INDEX).write_text(json.dumps(index))
    refused(folder, "expected one network in .*, got another shape in .*other.safetensors")
