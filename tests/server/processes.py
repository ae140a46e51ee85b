"""A whole server with the tiny network in a process of its own, which a test may kill."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Any

import httpx

from server.serve import listen
from tests.conftest import ROOT

PROGRAM = """
import json, sys
from server.drain import leave
from server.engine_choice import load_engine
from server.serve import serve
from server.settings import Settings
leave(serve(Settings(**json.loads(sys.argv[1])), load_engine))
"""


@contextmanager
def started(program: str, *arguments: str, stderr: int | None = None) -> Iterator[subprocess.Popen[str]]:
    """A Python program that serves: it listens, and it can be played. Killed in the end, if it is still there."""
    command = [sys.executable, "-c", program, *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=stderr, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("Tradefours")
            yield process
        finally:
            process.kill()


@contextmanager
def server_process(port: int, *, stderr: int | None = None, **settings: object) -> Iterator[subprocess.Popen[str]]:
    chosen = json.dumps({"port": port, "model": "tiny", **settings}, default=str)
    with started(PROGRAM, chosen, stderr=stderr) as process:
        yield process


def free_port() -> int:
    with listen("127.0.0.1", 0) as listener:
        return int(listener.getsockname()[1])


def wait_for(url: str, process: subprocess.Popen[Any], timeout_s: float = 10.0, key: str | None = None) -> None:
    """Until a request to `url` is answered well; the program that should do so has just been started."""
    headers = {"authorization": f"Bearer {key}"} if key else {}
    end = monotonic() + timeout_s
    while monotonic() < end and process.poll() is None:
        with suppress(httpx.TransportError):
            if httpx.get(url, headers=headers, trust_env=False).status_code == 200:
                return
    raise AssertionError(f"nobody answers at {url}")
