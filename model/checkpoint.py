"""Networks to files and back: safetensors and JSON, never pickle. Knows no names of networks: that is the registry's.

A folder holds shards small enough for git and `index.json` with their checksums; a path ending in .safetensors is one
file. Either way the metadata of each file says the network's shape, and whatever the saver had to say about it.
"""

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor
from torch.overrides import TorchFunctionMode

from model.networks.attention import Rotary, Tagger
from model.networks.config import NetworkConfig, Sharing
from model.networks.decoder import Decoder
from model.networks.perceiver import Join, Perceiver, PerceiverConfig, Places
from music.errors import BadCheckpoint, BadSetting

SHARD_BYTES: Final = 15_000_000  # of tensors; the file is a little larger and stays below 16 MB
HEADER_BYTES: Final = 2**20  # the longest header that we read
MOST_CONTEXT: Final = 2**20  # tables of positions are made for it before anything is checked
INDEX: Final = "index.json"
KINDS: Final[dict[str, type | tuple[type, ...]]] = {
    "sharing": str,
    "join": str,
    "rope_base": (int, float),
    "short": (int, type(None)),
}
KEY: Final = "tradefours"  # our one entry in the metadata: two would come out in any order, and bytes would differ

AnyNetwork = Decoder | Perceiver
AnyConfig = NetworkConfig | PerceiverConfig


def save_network(network: AnyNetwork, path: Path, *, about: Mapping[str, str], bf16: bool = False) -> None:
    """Write the weights: a folder of shards, or one file if `path` ends in .safetensors. Same input, same bytes.

    `bf16` halves the bytes and keeps 8 bits of each weight; a load widens them to float32 again.
    """
    dtype = torch.bfloat16 if bf16 else torch.float32
    tensors = {name: tensor.to("cpu", dtype).contiguous() for name, tensor in network.state_dict().items()}
    metadata = {KEY: json.dumps({"network": asdict(network.config), "about": dict(about)}, sort_keys=True)}
    if path.suffix == ".safetensors":
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, save(tensors, metadata))
        return
    path.mkdir(parents=True, exist_ok=True)
    shards = _shards(tensors)
    sums = {}
    for number, shard in enumerate(shards, 1):
        data = save(shard, metadata)
        name = f"model-{number:05}-of-{len(shards):05}.safetensors"
        _write(path / name, data)
        sums[name] = hashlib.sha256(data).hexdigest()
    _write(path / INDEX, json.dumps({"files": sums, "about": dict(about)}, indent=1, sort_keys=True).encode() + b"\n")
    for old in path.glob("model-*-of-*.safetensors"):
        if old.name not in sums:
            old.unlink()


def load_network(path: Path) -> Decoder:
    """The network of structured tokens at `path`. Raises BadCheckpoint for another, and as `load_any` does."""
    network = load_any(path)
    if not isinstance(network, Decoder):
        raise BadCheckpoint(f"expected a network that plays with others in {path}, got one for solo piano")
    return network


def is_solo(path: Path) -> bool:
    """Whether the network in a folder plays alone, by the first of its files."""
    first = min(_json_object(_read(path / INDEX), path / INDEX)["files"])
    return isinstance(_config(path / first, _read(path / first)), PerceiverConfig)


def load_any(path: Path) -> AnyNetwork:
    """The network at `path`, in float32 on the CPU. Raises BadCheckpoint for whatever is not one, or not whole."""
    config, tensors = None, dict[str, Tensor]()
    for name, data in _files(path):
        here = _config(name, data)
        if config not in (None, here):
            raise BadCheckpoint(f"expected one network in {path}, got another shape in {name}")
        config = here
        try:
            tensors.update(load(data))
        except (SafetensorError, KeyError) as error:  # KeyError: a type of number that torch does not have
            raise BadCheckpoint(f"expected whole weights in {name}, got: {error}") from error
    if config is None:
        raise BadCheckpoint(f"expected at least one file in {path / INDEX}, got none")
    return _network(config, tensors, path)


def _network(config: AnyConfig, tensors: Mapping[str, Tensor], path: Path) -> AnyNetwork:
    """Shapes are compared before memory is taken: a file cannot claim more than it brings."""
    if config.layers > len(tensors):
        raise BadCheckpoint(f"expected weights of {config.layers} layers in {path}, got {len(tensors)} tensors")
    with torch.device("meta"), _NoNumbers():
        network = Decoder(config) if isinstance(config, NetworkConfig) else Perceiver(config)
    expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    for name in sorted(expected.keys() | tensors.keys()):
        wanted, got = expected.get(name), tuple(tensors[name].shape) if name in tensors else None
        if wanted != got:
            raise BadCheckpoint(f"expected {name} in {path} to be {wanted or 'absent'}, got {got or 'nothing'}")
        if not tensors[name].is_floating_point():
            raise BadCheckpoint(f"expected {name} in {path} to be of floats, got {tensors[name].dtype}")
    network.load_state_dict({name: tensor.float() for name, tensor in tensors.items()}, assign=True)
    if isinstance(network, Decoder):  # tables, which no file holds
        network.tag, network.rotary = Tagger(), Rotary(network.config)
    else:
        network.places = Places(network.config)
    return network


class _NoNumbers(TorchFunctionMode):
    """Networks begin without random weights: on "meta", to draw them imports torch's compiler, two seconds of it."""

    def __torch_function__(
        self, function: Callable[..., Any], _: Any, args: Sequence[Any] = (), named: Mapping[str, Any] | None = None
    ) -> Any:
        named = named or {}
        if getattr(function, "__module__", "") == "torch.nn.init":
            return named["tensor"] if "tensor" in named else args[0]
        return function(*args, **named)


def _shards(tensors: Mapping[str, Tensor]) -> list[dict[str, Tensor]]:
    """In order, each as full as it may be; a tensor is never cut."""
    shards: list[dict[str, Tensor]] = [{}]
    size = 0
    for name, tensor in tensors.items():
        if shards[-1] and size + tensor.nbytes > SHARD_BYTES:
            shards.append({})
            size = 0
        shards[-1][name] = tensor
        size += tensor.nbytes
    return shards


def _write(path: Path, data: bytes) -> None:
    """All of it or nothing: a reader never meets half a file."""
    part = path.with_name(path.name + ".part")
    part.write_bytes(data)
    os.replace(part, path)


def _files(path: Path) -> list[tuple[Path, bytes]]:
    if not path.is_dir():
        return [(path, _read(path))]
    index = _json_object(_read(path / INDEX), path / INDEX)
    files = index.get("files")
    if not isinstance(files, dict):
        raise BadCheckpoint(f"expected an object 'files' in {path / INDEX}, got {files!r}")
    read = []
    for name, checksum in sorted(files.items()):
        if Path(name).name != name:
            raise BadCheckpoint(f"expected the name of a file in {path}, got {name!r}")
        data = _read(path / name)
        if hashlib.sha256(data).hexdigest() != checksum:
            raise BadCheckpoint(f"expected {path / name} with the checksum in {INDEX}, got other bytes")
        read.append((path / name, data))
    return read


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise BadCheckpoint(f"expected weights at {path}, got: {error}") from error


def _json_object(text: bytes | str, where: Path) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadCheckpoint(f"expected JSON in {where}, got: {error}") from error
    if not isinstance(value, dict):
        raise BadCheckpoint(f"expected a JSON object in {where}, got {type(value).__name__}")
    return value


def _config(path: Path, data: bytes) -> AnyConfig:
    size = int.from_bytes(data[:8], "little")
    if len(data) < 8 or size > min(HEADER_BYTES, len(data) - 8):
        raise BadCheckpoint(f"expected a header of at most {HEADER_BYTES} bytes in {path}, got {size} of {len(data)}")
    metadata = _json_object(data[8 : 8 + size], path).get("__metadata__")
    if not isinstance(metadata, dict) or not isinstance(metadata.get(KEY), str):
        raise BadCheckpoint(f"expected {KEY!r} in the metadata of {path}, got {metadata!r:.80}")
    given = _json_object(metadata[KEY], path).get("network")
    if not isinstance(given, dict):
        raise BadCheckpoint(f"expected an object 'network' in the metadata of {path}, got {given!r:.80}")
    return _parse(given, path)


def _parse(given: Mapping[str, Any], path: Path) -> AnyConfig:
    """All sizes must be there: a default may change one day."""
    is_performer = "latents" in given
    known = {field.name for field in fields(PerceiverConfig if is_performer else NetworkConfig)}
    if given.keys() != known:
        odd = ", ".join(sorted(given.keys() ^ known))
        raise BadCheckpoint(f"expected {len(known)} settings of a network in {path}, got too many or too few: {odd}")
    for name, value in given.items():
        if not isinstance(value, KINDS.get(name, int)) or isinstance(value, bool):
            raise BadCheckpoint(f"expected a number for {name} in {path}, got {value!r:.80}")
    try:
        config = (
            PerceiverConfig(**{**given, "join": Join(given["join"])})
            if is_performer
            else NetworkConfig(**{**given, "sharing": Sharing(given["sharing"])})
        )
    except (BadSetting, ValueError) as error:
        raise BadCheckpoint(f"expected a network that can be built in {path}, got: {error}") from error
    if config.context > MOST_CONTEXT:
        raise BadCheckpoint(f"expected a context of at most {MOST_CONTEXT} in {path}, got {config.context}")
    return config
