"""What happens to a generation between two steps of its own, which no request can time."""

import asyncio
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from server.composing import AnyOrder
from server.diary import Diary
from server.rest.jobs import Jobs
from streaming.generations import GenerationRequest


class SlowPrompts(Jobs):
    """A prompt that is read for the second time, to be written, is ready only when `has_read` is."""

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self.is_reading, self.has_read = asyncio.Event(), asyncio.Event()
        self._reads = 0

    async def _prepared(self, request: GenerationRequest, midi: bytes | None) -> AnyOrder:
        order = await super()._prepared(request, midi)
        self._reads += 1
        if self._reads == 2:
            self.is_reading.set()
            await self.has_read.wait()
        return order


async def test_who_cancels_while_the_prompt_is_read_has_nothing_written(tmp_path: Path) -> None:
    written: list[Any] = []
    health = SimpleNamespace(failure=None)
    host: Any = SimpleNamespace(write=written.extend, health=lambda: health, capacity=2048, is_solo=False)
    jobs = SlowPrompts(tmp_path, host, Diary(), model="", weights="dice", most=8, each=None, hours=1, mb=1)
    disk_goes_on = threading.Event()
    await jobs.start()
    asked = await jobs.ask(GenerationRequest(), None, None, "")
    await jobs.is_reading.wait()
    jobs._errands._disk.submit(disk_goes_on.wait)
    cancelling = asyncio.create_task(jobs.cancel(asked.id))
    while jobs._jobs[asked.id].status != "cancelled":
        await asyncio.sleep(0)
    jobs.has_read.set()
    for _ in range(10):
        await asyncio.sleep(0)
    disk_goes_on.set()
    await cancelling
    await jobs.close()
    assert not written
