"""What decides the weights of a run decides the name of its folder, and nothing else does. Knows no study."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping


class Identified(ABC):
    """For a run of any study."""

    __slots__ = ()

    @property
    @abstractmethod
    def identity(self) -> dict[str, object]:
        """What decides the weights, ready for JSON."""

    @property
    def name(self) -> str:
        """Of its folder."""
        return hashed(self.identity)


def hashed(identity: Mapping[str, object]) -> str:
    text = json.dumps(identity, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
