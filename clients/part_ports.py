"""A port for each part, which those who play take for one: its channels 0, 1, 2 ... are the ports, in order.

Knows no notes; what is no channel's goes to all.
"""

from collections.abc import Sequence
from typing import Protocol

from music.messages import SYSTEM
from music.time import Nanos


class Port(Protocol):
    """What a player needs from a port; tests pass a recording one."""

    @property
    def ahead(self) -> Nanos:
        """So long before they are due it wants its messages."""
        ...

    def send(self, message: Sequence[int], due: Nanos | None = None) -> None: ...


class PartPorts:
    """Use from one thread."""

    def __init__(self, ports: Sequence[Port], channels: Sequence[int]) -> None:
        """`channels`: on which each port's messages leave."""
        self._ports = list(zip(ports, channels, strict=True))
        self.ahead = ports[0].ahead

    def send(self, message: Sequence[int], due: Nanos | None = None) -> None:
        """What is for a channel without a port is nobody's. Raises PortError as ports do."""
        status, *data = message
        if status >= SYSTEM:
            for port, _ in self._ports:
                port.send(message, due)
        elif (number := status & 0x0F) < len(self._ports):
            port, channel = self._ports[number]
            port.send(bytes((status & 0xF0 | channel, *data)), due)
