"""The corpus that a study learns from: where its built file is, and what it is told by."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from model.training.shards import built_path
from server.train import CACHE, open_corpus


@dataclass(frozen=True, slots=True)
class Data:
    """Light, so that every process of a study may have it."""

    file: Path
    fingerprint: str

    def __str__(self) -> str:
        return f"`{self.file.name}`, sha256 {self.fingerprint}"


def opened(corpus: Path) -> Data:
    """Of a built file or an archive. What is none is better told of here than by every process."""
    open_corpus(corpus)
    file = built_path(corpus, CACHE)
    return Data(file, hashlib.sha256(file.read_bytes()).hexdigest()[:12])
