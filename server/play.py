"""`tradefours run`: the server here, the MIDI ports in a process beside it, both gone when either is told to go."""

import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress

from clients.ports import choose_api
from clients.terminal import left_as_it_was, listening
from music.errors import PortError
from server.serve import LoadEngine, Stop, serve
from server.settings import Settings

BRIDGE_LEAVES_S = 5.0


def play(
    settings: Settings,
    load_engine: LoadEngine,
    bridge_arguments: Sequence[str],
    *,
    api: str | None,
    needs_ports: bool,
) -> int:
    """Until SIGTERM or Ctrl-C. A port that cannot be had ends both.

    Without a MIDI system the server plays alone, unless it `needs_ports`, since the user has named some.
    """
    try:
        choose_api(api)
    except PortError as error:
        if needs_ports:
            raise
        print(f"No MIDI ports: {error}", file=sys.stderr)
        return serve(settings, load_engine)
    beside = BridgeBeside(bridge_arguments)
    with left_as_it_was(0):
        try:
            with listening(beside.type):
                code = serve(settings, load_engine, on_ready=beside.start)
        finally:
            beside.stop()
    return code or (1 if beside.failed else 0)


class BridgeBeside:
    """The bridge as a child: its timing shares no interpreter with the engine. It leaves when we are gone."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = False
        self.failed = False

    def start(self, netloc: str, stop_server: Stop) -> None:
        # -P: a folder of the user's that is called `server` must not take the place of ours.
        command = [sys.executable, "-P", "-m", "server.cli", "bridge", "--url", f"ws://{netloc}/v1/live"]
        # A group of its own: the terminal's Ctrl-C is for the server, which tells the bridge.
        self._process = subprocess.Popen(
            [*command, "--while-stdin", *self._arguments], stdin=subprocess.PIPE, process_group=0
        )
        threading.Thread(target=self._watch, args=(self._process, stop_server), daemon=True).start()

    def type(self, key: str) -> None:
        """In its terminal, which is ours."""
        if self._process and self._process.stdin:
            with suppress(OSError, ValueError):  # it is gone, or about to go
                self._process.stdin.write(key.encode())
                self._process.stdin.flush()

    def stop(self) -> None:
        self._stopping = True
        if self._process is None:
            return
        assert self._process.stdin is not None
        with suppress(OSError):  # a key that it did not live to read
            self._process.stdin.close()
        try:
            self._process.wait(BRIDGE_LEAVES_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _watch(self, process: subprocess.Popen[bytes], stop_server: Stop) -> None:
        code = process.wait()
        if not self._stopping:
            self.failed = code != 0
            stop_server()
