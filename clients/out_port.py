"""The bridge's end of the output port, which lives in a process of its own (`clients/port_process.py`).

Knows no notes' meaning: what to sound, when, on which channel. Starts the process again when it dies.
"""

import asyncio
import json
import logging
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import monotonic_ns
from typing import Any, Final

from clients.ports import LOOK_S, has_output
from clients.times import Times
from music.errors import PortError
from music.time import Nanos

OPEN_S: Final = 10.0
QUIT_S: Final = 2.0
UNPLUGGED: Final = 1  # status of a port process whose port is gone
SOON: Final = Nanos(5_000_000_000)  # a process that dies this young will not live the next time either

log = logging.getLogger("bridge")


class OutPort:
    """Use from one event loop. `schedule`, `move` and `silence` never block."""

    def __init__(
        self,
        name: str,
        *,
        virtual: bool,
        api: str | None,
        failed: Callable[[PortError], None],
        clock: str | None = None,
        senses: bool = False,
        exact: bool = False,
        parts: Sequence[int] = (),
        is_back: Callable[[], None] = lambda: None,
    ) -> None:
        """`failed` is called once, when the port is gone for good. `clock`: name of a second, virtual port, for
        pulses. `senses`: with active sensing. `exact`: through JACK, to the sample.
        `parts`: a virtual port for each, whose messages leave on these channels; the nth is our channel n.
        `is_back` is called when an existing port was unplugged and is there again."""
        self.name = name
        self.notes_on = 0
        self.notes_off = 0
        self.lateness = Times()
        self._command = [sys.executable, "-P", "-m", "clients.port_process", "--name", name]
        self._command += [] if virtual else ["--existing"]
        self._command += ["--api", api] if api else []
        self._command += ["--clock", clock] if clock else []
        self._command += ["--active-sensing"] if senses else []
        self._command += ["--exact"] if exact else []
        self._command += ["--parts", ",".join(map(str, parts))] if parts else []
        self._wanted = name
        self._virtual = virtual
        self._api = api
        self._failed = failed
        self._is_back = is_back
        self._process: asyncio.subprocess.Process | None = None
        self._watching: asyncio.Task[None] | None = None
        self._leaving = False

    async def open(self) -> None:
        """Raises PortError when the port cannot be had."""
        self.name = await self._start()
        self._watching = asyncio.create_task(self._watch())

    async def close(self) -> None:
        """Ends all that sounds, and waits until the port process is gone."""
        self._leaving = True
        if self._process is None or self._watching is None:
            return
        self._tell({"quit": True})
        try:
            await asyncio.wait_for(self._watching, QUIT_S)
        except TimeoutError:
            with suppress(ProcessLookupError):
                self._process.kill()

    def schedule(self, id: int, due: Nanos, off: Nanos, channel: int, pitch: int, velocity: int) -> None:
        note = {"id": id, "due": due, "off": off, "channel": channel, "pitch": pitch, "velocity": velocity}
        self._tell({"on": note})

    def move(self, id: int, due: Nanos, off: Nanos) -> None:
        """Of a note that was scheduled, and has not begun."""
        self._tell({"move": {"id": id, "due": due, "off": off}})

    def pulse(self, due: Nanos, message: bytes) -> None:
        """A message of the clock."""
        self._tell({"pulse": {"due": due, "message": message.hex()}})

    def silence(self) -> None:
        """End all that sounds, and forget what was scheduled."""
        self._tell({"silence": True})

    def panic(self) -> None:
        """That, and all notes off on all channels."""
        self._tell({"panic": True})

    def _tell(self, command: dict[str, Any]) -> None:
        # A dead process's pipe swallows the line; `_watch` has seen it or is about to.
        if self._process and self._process.stdin and not self._process.stdin.is_closing():
            self._process.stdin.write(json.dumps(command).encode() + b"\n")

    async def _start(self) -> str:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*self._command, stdin=pipe, stdout=pipe)
        assert process.stdout is not None
        try:
            report = json.loads(await asyncio.wait_for(process.stdout.readline(), OPEN_S) or b"{}")
        except TimeoutError:
            report = {}
        if "ready" not in report:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            raise PortError(report.get("error") or f"expected the port {self.name!r} to open, got no answer")
        self._process = process
        return str(report["port"])

    async def _watch(self) -> None:
        """Read reports for as long as there is a process; start another when one dies."""
        is_lost = False
        while not is_lost:
            started = monotonic_ns()
            assert self._process is not None
            status = await self._read_reports(self._process)
            if self._leaving:
                return
            if status == UNPLUGGED and not self._virtual:
                await self._await_return()
                continue
            is_lost = monotonic_ns() - started < SOON
            log.warning("the port process ended with status %s: starting it again", status)
            try:
                await self._start()
            except PortError as error:
                self._failed(error)
                return
            self._tell({"panic": True})  # an instrument may still sound what the dead process began
            if self._leaving:  # `close` came when there was nobody to tell
                self._tell({"quit": True})
            elif is_lost:
                self._failed(PortError(f"expected the port process to stay, but it ended with status {status}"))
        assert self._process is not None
        await self._read_reports(self._process)  # until `close`

    async def _await_return(self) -> None:
        """An existing port was unplugged; back when it is, or when there is nobody to wait for it."""
        log.warning("%s is gone: what is played is lost until it is back", self.name)
        while not self._leaving:
            await asyncio.sleep(LOOK_S)
            if await asyncio.to_thread(has_output, self._wanted, self._api):
                with suppress(PortError):
                    self.name = await self._start()
                    break
        self._tell({"panic": True})
        if self._leaving:
            self._tell({"quit": True})
            return
        log.info("%s is back", self.name)
        self._is_back()

    async def _read_reports(self, process: asyncio.subprocess.Process) -> int:
        assert process.stdout is not None
        async for line in process.stdout:
            report = json.loads(line)
            if "played" in report:
                self.notes_on += 1
                self.lateness.add(report["late_ns"])
            elif "ended" in report:
                self.notes_off += 1
            else:
                log.warning("port process: %s", report.get("error", report))
        return await process.wait()
