"""The humans at the ports: which part plays what arrives, by its port or its channel. Knows no clock and no server."""

from collections.abc import Sequence
from dataclasses import dataclass

from clients.held_keys import HeldKeys, KeyEvent
from music.messages import SYSTEM
from music.time import Nanos


@dataclass(frozen=True, slots=True)
class PartKey:
    part: int
    key: KeyEvent


class Players:
    """Parts count from 0. Use from one thread."""

    def __init__(self, ports: int, channels: Sequence[int] = ()) -> None:
        """Each port is a part; or, with `channels` (0..15), each of these is, and any other counts as the first."""
        self._part_of = {channel: part for part, channel in enumerate(channels)}
        self._keys = [HeldKeys() for _ in range(len(channels) or max(1, ports))]
        self._is_by_channel = bool(channels)

    def hear(self, port: int, message: bytes, at: Nanos) -> list[PartKey]:
        """What one message of a channel changes."""
        if not message or message[0] >= SYSTEM:
            return []
        part = self._part_of.get(message[0] & 0x0F, 0) if self._is_by_channel else port
        return _of(part, self._keys[part].hear(message, at))

    def gone(self, port: int, at: Nanos) -> list[PartKey]:
        """A port is gone: its keys come up."""
        parts = range(len(self._keys)) if self._is_by_channel else [port]
        return [up for part in parts for up in _of(part, self._keys[part].release_all(at))]

    def release_stuck(self, now: Nanos) -> list[PartKey]:
        """Ups for keys held for too long."""
        return [up for part, keys in enumerate(self._keys) for up in _of(part, keys.release_stuck(now))]

    def release_all(self, at: Nanos) -> list[PartKey]:
        return [up for part, keys in enumerate(self._keys) for up in _of(part, keys.release_all(at))]


def _of(part: int, events: list[KeyEvent]) -> list[PartKey]:
    return [PartKey(part, event) for event in events]
