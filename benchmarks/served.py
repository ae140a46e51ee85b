"""The WebSocket server of this commit in a thread of this process, a crowd of players in another process.

Times the engine's decode steps while it serves them. Knows of the server only how it is started.
"""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Event, Thread
from time import perf_counter_ns, sleep
from typing import Any, Final

from benchmarks.around import Around
from benchmarks.crowd import PLAYERS
from benchmarks.report import ROOT
from model.engine.work import Drawn, ServedEngine, Step
from server.app import build_app
from server.serve import SWITCH_S, Server, listen, netloc, uvicorn_config
from server.settings import Settings

START_S: Final = 20.0
SETTLE_S: Final = 2.0  # until all have joined and played their first notes


def served_steps(engine: ServedEngine[Any], seconds: float) -> list[float]:
    """The milliseconds of each step in which every player who takes part gets one token."""
    recorder = StepTimes(engine)
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)  # as the server does
    try:
        with _server(recorder) as url, _crowd(url):
            sleep(SETTLE_S)
            recorder.decode_ms.clear()
            sleep(seconds)
            return list(recorder.decode_ms)
    finally:
        sys.setswitchinterval(before)


class StepTimes(Around):
    """An engine that notes how long each decode step took."""

    def __init__(self, engine: ServedEngine[Any]) -> None:
        super().__init__(engine)
        self.cached = engine.cached
        self.decode_ms: list[float] = []

    def run(self, work: Sequence[tuple[Any, Step]]) -> list[Drawn]:
        began = perf_counter_ns()
        drawn = super().run(work)
        if all(len(step.append) <= 1 and len(tokens) == 1 for (_, step), tokens in zip(work, drawn, strict=True)):
            self.decode_ms.append((perf_counter_ns() - began) / 1e6)
        return drawn


@contextmanager
def _server(engine: ServedEngine[Any]) -> Iterator[str]:
    settings = Settings(port=0, max_sessions=PLAYERS)
    app = build_app(settings, engine, "small", "measured")
    ready = Event()
    with listen(settings.host, settings.port) as listener:
        server = Server(app.state.stage, ready.set, uvicorn_config(app))
        thread = Thread(target=server.run, kwargs={"sockets": [listener]}, name="server")
        thread.start()
        try:
            ready.wait(START_S)
            yield f"ws://{netloc(listener)}/v1/live"
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def _crowd(url: str) -> Iterator[None]:
    with subprocess.Popen([sys.executable, "-m", "benchmarks.crowd", url], cwd=ROOT) as crowd:
        try:
            yield
        finally:
            crowd.terminate()
