"""Several works at once, as long as none of them ends. Knows nothing of what they do."""

import asyncio
from collections.abc import Awaitable


async def until_one_ends(*works: Awaitable[object]) -> None:
    """Do all of it at once until the first part ends, and raise what that part raised."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
