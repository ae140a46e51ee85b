"""A child process that leaves when its parent is gone, however the parent died."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from clients.terminal import Typed, one_at_a_time, read_keys


@contextmanager
def typed_by_parent(typed: Typed) -> Iterator[None]:
    """The parent holds the other end of stdin, and hands on what is typed: its end is the parent's end.

    Its terminal is made ready here, since we leave it as it was even when the parent cannot.
    """

    def read() -> None:
        read_keys(typed)  # not sys.stdin: the interpreter would want its lock when it ends
        os.kill(os.getpid(), signal.SIGTERM)

    with one_at_a_time(2, os.getpgid(os.getppid()) if sys.platform != "win32" else 0):
        threading.Thread(target=read, daemon=True).start()
        yield
