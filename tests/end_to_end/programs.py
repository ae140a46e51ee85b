"""`tradefours` as its users start it: processes of their own, what they print, and all the processes they start.

Knows the command line and nothing behind it.
"""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Condition, Thread
from time import monotonic, sleep
from types import TracebackType
from typing import Final, Self

COMMAND: Final = str(Path(sys.executable).with_name("tradefours"))
START_S: Final = 60.0  # torch alone takes seconds to import where the machine is busy
LEAVE_S: Final = 15.0


class Program:
    """A running command. Leaving the context kills whatever is left of it and of its children."""

    def __init__(self, *arguments: str, command: Sequence[str] = (COMMAND,)) -> None:
        self.lines: list[str] = []
        self._printed = Condition()
        self._process = subprocess.Popen(
            [*command, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pid in self.family():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.wait()

    @property
    def code(self) -> int | None:
        """The exit code; None while it runs."""
        return self._process.poll()

    def says(self, text: str, times: int = 1, timeout_s: float = START_S) -> None:
        """Wait until `times` lines contain `text`."""

        def enough() -> bool:
            return sum(text in line for line in self.lines) >= times

        with self._printed:
            self._printed.wait_for(lambda: enough() or not self._reader.is_alive(), timeout_s)
            assert enough(), f"waited for {text!r}, got {self.lines}"

    def family(self) -> list[int]:
        """Its process id and those of all that it started, as long as it lives."""
        return [] if self.code is not None else [self._process.pid, *_descendants(self._process.pid)]

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def interrupt(self) -> None:
        """Ctrl-C in its terminal: for its whole process group."""
        os.killpg(self._process.pid, signal.SIGINT)

    def wait(self, timeout_s: float = LEAVE_S) -> int:
        """The exit code, when it is gone and all that it printed is read."""
        code = self._process.wait(timeout_s)
        self._reader.join(timeout_s)
        assert not self._reader.is_alive(), "a process that it started still holds its output"
        return code

    def stop(self) -> int:
        """As an operator would. Returns the exit code."""
        self.send(signal.SIGTERM)
        return self.wait()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stdout:
            for line in stdout:
                with self._printed:
                    self.lines.append(line.rstrip("\n"))
                    self._printed.notify_all()
        with self._printed:
            self._printed.notify_all()


class Server:
    """`tradefours serve` at one port, which may be killed and started again."""

    def __init__(self, model: str, *options: str) -> None:
        self.port = free_port()
        self._arguments = ["--port", str(self.port), "--model", model, *options]
        self._program: Program | None = None

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/v1/live"

    def start(self) -> None:
        """Returns when it serves; at once where it already does."""
        if self._program is None or self._program.code is not None:
            self._program = Program("serve", *self._arguments)
            self._program.says("Tradefours ")

    def kill(self) -> None:
        assert self._program is not None
        self._program.send(signal.SIGKILL)
        self._program.wait()

    def stop(self) -> int:
        assert self._program is not None
        return self._program.stop()

    def close(self) -> None:
        if self._program is not None:
            self._program.__exit__(None, None, None)


@contextmanager
def bridge(url: str, *options: str) -> Iterator[Program]:
    """Connected, with its ports open."""
    with Program("bridge", "--url", url, "--api", "jack", *options) as program:
        program.says("ports open")
        program.says("connected")
        yield program


def run_to_end(*arguments: str) -> tuple[int, list[str]]:
    """Exit code and lines of a command that ends by itself."""
    with Program(*arguments) as program:
        return program.wait(START_S), program.lines


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(happened: Callable[[], bool], timeout_s: float = LEAVE_S) -> bool:
    """Whether it happened in time."""
    deadline = monotonic() + timeout_s
    while not (yes := happened()) and monotonic() < deadline:
        sleep(0.01)
    return yes


def lives(pid: int) -> bool:
    """A process that is over and only waits for its parent to notice does not live."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def _descendants(pid: int) -> list[int]:
    found: list[int] = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in children.read_text().split():
                found += [int(child), *_descendants(int(child))]
    return found
