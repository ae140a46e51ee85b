"""Names of networks: those shipped beside this file, paths to others, and a random one for tests."""

from hashlib import sha256
from pathlib import Path

import torch

from model.checkpoint import INDEX, AnyNetwork, is_solo, load_network
from model.checkpoint import load_any as load_from
from model.networks.config import preset
from model.networks.decoder import Decoder
from music.errors import BadCheckpoint

WEIGHTS = Path(__file__).resolve().parent / "weights"
SOLO = "perceivers"  # the largest of those for solo piano
RANDOM = "tiny"
RANDOM_SEED = 4


def shipped() -> list[str]:
    """Names of the networks that come with the code."""
    return sorted(index.parent.name for index in WEIGHTS.glob(f"*/{INDEX}"))


def shipped_by_size(*, solo: bool = False) -> list[str]:
    """Those that play with others, or those for solo piano, the largest first."""

    def size(name: str) -> int:
        return sum(file.stat().st_size for file in (WEIGHTS / name).iterdir())

    return sorted((name for name in shipped() if is_solo(WEIGHTS / name) is solo), key=size, reverse=True)


def resolve(name_or_path: str | Path) -> Path:
    """A shipped network's folder, or any path that exists."""
    names = shipped()
    if name_or_path in names:
        return WEIGHTS / name_or_path
    if name_or_path == SOLO:
        pianists = shipped_by_size(solo=True)
        if not pianists:
            raise BadCheckpoint(
                "expected weights for solo piano beside the code, got none: train some with "
                "`tradefours train --preset perceivers-small`, and name their folder"
            )
        return WEIGHTS / pianists[0]
    path = Path(name_or_path)
    if not path.exists():
        known = ", ".join(names) or "none"
        raise BadCheckpoint(f"expected a shipped network ({known}) or a path that exists, got {str(name_or_path)!r}")
    return path


def fingerprint(name_or_path: str | Path) -> str:
    """Tells other weights of the same name: of the checksums of a folder, or of a file. Raises BadCheckpoint."""
    if name_or_path == RANDOM:
        return f"random-{RANDOM_SEED}"
    path = resolve(name_or_path)
    try:
        return sha256((path / INDEX if path.is_dir() else path).read_bytes()).hexdigest()[:16]
    except OSError as error:
        raise BadCheckpoint(f"expected weights at {path}, got: {error}") from error


def load_any(name_or_path: str | Path) -> AnyNetwork:
    """The network of that name or path, whether it plays with others or alone."""
    return load(name_or_path) if name_or_path == RANDOM else load_from(resolve(name_or_path))


def load(name_or_path: str | Path) -> Decoder:
    """The network of that name or path. "tiny" is for tests only: always the same random weights, so no music.

    Raises BadCheckpoint for one that plays alone.
    """
    if name_or_path != RANDOM:
        return load_network(resolve(name_or_path))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(RANDOM_SEED)
        return Decoder(preset(RANDOM))
