"""One request over HTTP/1.1 on a connection of its own, timed. Knows no route."""

import asyncio
from time import perf_counter
from typing import NamedTuple


class Answer(NamedTuple):
    status: int
    body: bytes
    ms: float  # from the wish to connect to the last byte


async def ask(address: str, path: str, body: bytes | None = None) -> Answer:
    """`address` is host:port. A body is JSON, and is posted."""
    began = perf_counter()
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        head = f"{'GET' if body is None else 'POST'} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n"
        if body is not None:
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        writer.write(f"{head}\r\n".encode() + (body or b""))
        told, _, rest = (await reader.read()).partition(b"\r\n\r\n")
        return Answer(int(told.split(b" ", 2)[1]), rest, (perf_counter() - began) * 1000)
    finally:
        writer.close()
