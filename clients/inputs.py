"""The ports that the humans play into: opened, and opened again when a keyboard that was unplugged is back.

Knows no notes: bytes and their moments, and which port they came from.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from time import monotonic_ns

from clients.ports import INPUT_NAME, LOOK_S, InputPort, open_input
from music.errors import PortError
from music.time import Nanos

Heard = Callable[[int, bytes, Nanos], None]  # index of the port, message, moment
Gone = Callable[[int, Nanos], None]

log = logging.getLogger("bridge")


class Inputs:
    """Use from one event loop, in which `heard` and `gone` are called."""

    def __init__(self, names: tuple[str, ...], api: str | None, heard: Heard, gone: Gone, *, at_once: Heard) -> None:
        """Parts of the names of existing ports; none makes the virtual port `Tradefours In`.

        `at_once` is called before, in the driver's thread.
        """
        self._wanted = names
        self._api = api
        self._heard = heard
        self._gone = gone
        self._at_once = at_once
        self._ports: list[InputPort | None] = []

    @property
    def names(self) -> str:
        return ", ".join(port.name for port in self._ports if port)

    def device(self, index: int) -> str:
        """What plays there, as users know it."""
        port = self._ports[index] if index < len(self._ports) else None  # what was played before it closed
        return port.name if port else (self._wanted or (INPUT_NAME,))[index]

    def open(self) -> None:
        """Raises PortError when one cannot be had."""
        for index in range(len(self._wanted) or 1):
            self._ports.append(self._open(index))

    def close(self) -> None:
        for port in self._ports:
            if port is not None:
                port.close()
        self._ports.clear()

    async def watch(self) -> None:
        """Look for ever after those that have names; virtual ports do not go away."""
        if not self._wanted:
            await asyncio.Event().wait()
        while True:
            await asyncio.sleep(LOOK_S)
            for index, port in enumerate(self._ports):
                if port is None:
                    self._look_for(index)
                elif not await asyncio.to_thread(port.is_there):
                    await self._lose(index, port)

    def _look_for(self, index: int) -> None:
        with suppress(PortError):
            self._ports[index] = port = self._open(index)
            log.info("%s is back", port.name)

    async def _lose(self, index: int, port: InputPort) -> None:
        log.warning("%s is gone: its keys count as up until it is back", port.name)
        self._ports[index] = None
        await asyncio.to_thread(port.close)
        self._gone(index, Nanos(monotonic_ns()))

    def _open(self, index: int) -> InputPort:
        loop = asyncio.get_running_loop()

        def arrived(message: bytes, at: Nanos) -> None:  # in the driver's thread
            self._at_once(index, message, at)
            with suppress(RuntimeError):  # the loop ends before the port does
                loop.call_soon_threadsafe(self._heard, index, message, at)

        name = self._wanted[index] if self._wanted else INPUT_NAME
        return open_input(name, arrived, virtual=not self._wanted, api=self._api)
