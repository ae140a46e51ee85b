"""Our own programs, started for a measurement and ended after it. Knows nothing of what is measured."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Timer
from time import sleep
from types import MappingProxyType
from typing import Any, Final

from music.errors import TradefoursError
from server.serve import listen

LEAVE_S: Final = 5.0
SAYS_S: Final = 60.0  # until a program has said that it is ready
SPIN_S: Final = 0.1  # until another process computes


@contextmanager
def serving(model: str, *options: str, environ: Mapping[str, str] = MappingProxyType({})) -> Iterator[str]:
    """Yields the address of its live socket. `environ`: further settings."""
    with program("serve", "--port", "0", "--model", model, *options, environ=environ) as server:
        line = line_with(server, "http://")
        yield "ws://" + line.rpartition("http://")[2] + "/v1/live"


@contextmanager
def program(*arguments: str, environ: Mapping[str, str] = MappingProxyType({})) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "server.cli", *arguments]
    pipe = subprocess.PIPE
    with (
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=pipe,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | dict(environ),
        ) as started,
        ended(started),
    ):
        yield started


@contextmanager
def ended(started: subprocess.Popen[Any]) -> Iterator[None]:
    """The program is asked to end when the block does; one that does not hear is killed."""
    try:
        yield
    finally:
        started.terminate()
        try:
            started.wait(LEAVE_S)
        except subprocess.TimeoutExpired:
            started.kill()


def free_port() -> int:
    with listen("127.0.0.1", 0) as listener:
        return int(listener.getsockname()[1])


def line_with(started: subprocess.Popen[str], text: str, timeout_s: float = SAYS_S) -> str:
    """The first line that contains `text`. Few follow, fewer than a pipe holds."""
    assert started.stdout is not None
    said = ""
    deadline = Timer(timeout_s, started.kill)
    deadline.start()
    try:
        for line in started.stdout:
            if text in line:
                return line.rstrip("\n")
            said = line
    finally:
        deadline.cancel()
    raise TradefoursError(f"expected a program that says {text!r}, got one that ended with: {said.strip()}")


@contextmanager
def busy_core() -> Iterator[None]:
    """Another process computes on as much of a core as the system gives it."""
    with subprocess.Popen([sys.executable, "-S", "-c", "while True: pass"]) as other:
        sleep(SPIN_S)
        try:
            yield
        finally:
            other.kill()
