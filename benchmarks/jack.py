"""A private JACK server without a sound card: real MIDI ports, to test and to measure with. Knows no music."""

import os
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

from music.errors import TradefoursError

PERIOD_FRAMES = 64  # 1.33 ms at 48 kHz
START_S = 15.0  # a busy machine takes its time


class JackFailed(TradefoursError):
    """jackd did not come up; the text is the end of its log."""


@contextmanager
def private_jack(log: Path, *, waits: bool = True) -> Iterator[dict[str, str]]:
    """Run jackd with the dummy driver and yield the environment in which programs reach it.

    `waits` for clients that are late. Otherwise, as JACK does where nobody asks for more, it goes on without them.
    Its name is new each time: a quick restart under an old name meets dead sockets.
    """
    name = f"test{uuid.uuid4().hex[:12]}"
    env = {"JACK_DEFAULT_SERVER": name, "JACK_NO_AUDIO_RESERVATION": "1", "JACK_NO_START_SERVER": "1"}
    realtime = ["-R", "-P10"] if _may_run_realtime() else ["-r"]
    flags = [*realtime, *(["-S"] if waits else [])]  # synchronous: events of a client that wakes up late are not lost
    # The first -p is the number of ports, small so that it fits a container's /dev/shm; the second is the period.
    command = ["jackd", "-n", name, *flags, "-p64", "-d", "dummy", "-r", "48000", "-p", str(PERIOD_FRAMES)]
    server = None
    try:
        with _running(command, env, log) as server:
            yield env
    finally:
        if server is not None and server.returncode != 0:
            # It died on its way out, of SIGPIPE when a client was killed just before, and its name would stay in a
            # table of eight for good. Only a server of that name takes it out.
            with _running(command, env, log):
                pass
        for left in Path("/dev/shm").glob(f"jack*{name}*"):  # semaphores of clients that were killed
            left.unlink(missing_ok=True)


@contextmanager
def _running(command: list[str], env: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """It answers; afterwards it is gone."""
    with log.open("wb") as output:
        server = subprocess.Popen(command, env=os.environ | env, stdout=output, stderr=subprocess.STDOUT)
    try:
        _wait_until_it_answers(server, env, log)
        yield server
    finally:
        server.terminate()
        try:
            server.wait(timeout=START_S)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _may_run_realtime() -> bool:
    """Whether this process may ask for the scheduling that JACK's -R needs."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
    except PermissionError:
        return False
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    return True


def _wait_until_it_answers(server: subprocess.Popen[bytes], env: dict[str, str], log: Path) -> None:
    deadline = monotonic() + START_S
    while server.poll() is None and monotonic() < deadline:  # jack_wait would race with the start
        if subprocess.run(["jack_lsp"], env=os.environ | env, capture_output=True).returncode == 0:
            return
        sleep(0.02)
    raise JackFailed(f"expected jackd to answer within {START_S:g} s, got: {log.read_text(errors='replace')[-500:]}")
