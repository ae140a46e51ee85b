"""What would block the event loop, in threads of its own: one for the disk, one for prompts. Knows no generation."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from music.errors import BadSetting
from server.rest.midi_reader import MidiReader
from server.rest.problems import Problem
from server.rest.store import FILE, Store

R = TypeVar("R")


class Errands:
    def __init__(self, folder: Path, *, hours: int, mb: int) -> None:
        self._folder, self._hours, self._mb = folder, hours, mb
        self._disk = ThreadPoolExecutor(1, "generations")
        self._reading = ThreadPoolExecutor(1, "prompts")  # one at a time: that bounds what reading takes of memory
        self.midi = MidiReader()  # in that thread
        self._store: Store | None = None
        self._opening = asyncio.Lock()

    @property
    def has_store(self) -> bool:
        return self._store is not None or (self._folder / FILE).exists()

    async def store(self) -> Store:
        """Not before it is needed: a server with players alone leaves no trace. Raises Problem."""
        async with self._opening:
            if self._store is None:
                folder, hours, mb = self._folder, self._hours, self._mb
                try:
                    self._store = await self.on_disk(lambda: Store(folder, most_hours=hours, most_mb=mb))
                except BadSetting as error:
                    raise Problem(503, "unavailable", str(error), retry_after="10") from None
            return self._store

    async def on_disk(self, work: Callable[..., R], *given: object) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._disk, work, *given)

    async def read(self, work: Callable[[], R]) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._reading, work)

    async def close(self) -> None:
        self._reading.shutdown(wait=False, cancel_futures=True)
        self.midi.close()
        if self._store:
            await self.on_disk(self._store.close)
        self._disk.shutdown(wait=False)
