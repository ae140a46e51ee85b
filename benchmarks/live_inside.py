"""A live session inside this process: the real engine in its thread, the real playout in another, a port of no device.

Knows no sockets and no MIDI system: what those add is measured by `benchmarks/live_ports.py`.
"""

import json
import sys
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic_ns
from typing import Any, Final

from benchmarks.around import Timed
from benchmarks.live_figures import MODES, SEED, SOLO_MODES, Measured
from benchmarks.performance import Phrase, edges, messages, pauses_until, phrases
from benchmarks.time_bar import time_bar
from clients.held_keys import HeldKeys
from clients.player_side import PlayerSide, channels_of
from clients.port_process import QUIT, Lines, Player
from clients.realtime import PORT_PRIORITY, ask_for_realtime
from clients.times import Times
from model.engine.work import Engine
from music.errors import TradefoursError
from music.time import Nanos
from server.engine_choice import load_engine
from server.host import SessionHost
from server.seat import Seat
from server.serve import SWITCH_S
from server.settings import Settings
from streaming.clock import PlayerClock
from streaming.messages import (
    HEARTBEAT_S,
    ClientHeartbeat,
    ErrorMessage,
    Mode,
    Plan,
    PlayedNote,
    ServerMessage,
    Start,
)

HEARTBEAT: Final = Nanos(round(HEARTBEAT_S * 1e9))


def measure_inside(model: str, seconds: float) -> list[Measured]:
    """Both modes, `seconds` each; of a network for solo piano the one that it has."""
    loaded = load_engine(Settings(model=model, max_sessions=1))
    solo_context, measured = loaded.solo_context, list[Measured]()
    for mode in MODES if solo_context is None else SOLO_MODES:
        with time_bar(seconds, mode):
            performance = phrases(seconds, SEED)
            measured.append(measure_mode(loaded.engine, mode, performance, seconds, solo_context=solo_context))
    return measured


def measure_mode(
    engine: Engine[Any],
    mode: Mode,
    performance: Sequence[Phrase],
    seconds: float,
    *,
    solo_context: int | None = None,
) -> Measured:
    """Play the performance to the engine, in real time."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)  # as the server does
    timed = Timed(engine)
    host = SessionHost(timed, max_sessions=1, solo_context=solo_context)
    sound = NullSound()
    host.start()
    try:
        stand = Stand(host, Start(mode=mode, seed=SEED), sound)
        stand.perform(performance, seconds)
        status = host.status()
    finally:
        host.stop()
        sound.stop()
        sys.setswitchinterval(before)
    firsts, lasts = edges(performance)
    starts, ends = [stand.struck[i] for i in firsts], [stand.struck[i] for i in lasts]
    return Measured(
        mode=mode,
        seconds=seconds,
        human_notes=sum(map(len, performance)),
        reaction=stand.reactions.summary_ms(),
        answer=Times(pauses_until(sound.onsets, ends, starts) if mode == "answer" else ()).summary_ms(),
        lateness=sound.lateness.summary_ms(),
        in_time=stand.side.in_time,
        not_in_time=stand.side.late + stand.side.dropped,
        tokens_per_s=round(status.tokens * 1e9 / sum(timed.took), 1) if timed.took else None,
        notes_on=len(sound.onsets),
        notes_off=sound.notes_off,
    )


class NullSound:
    """The bridge's player in a thread of its own, at a port that swallows all. Read its figures after `stop`."""

    ahead = Nanos(0)

    def __init__(self) -> None:
        self.onsets: list[int] = []
        self.notes_off = 0
        self.lateness = Times()
        self._lines: Lines = SimpleQueue()
        self._player = Player(self, self._note)
        self._thread = Thread(target=self._run, name="playout", daemon=True)
        self._thread.start()

    def schedule(self, sound: dict[str, Any]) -> None:
        self._lines.put(json.dumps({"on": sound}).encode())

    def stop(self) -> None:
        self._lines.put(QUIT)
        self._thread.join()

    def send(self, message: Sequence[int], due: Nanos | None = None) -> None:
        if message[0] & 0xF0 == 0x90:
            self.onsets.append(monotonic_ns())
        elif message[0] & 0xF0 == 0x80:
            self.notes_off += 1

    def _run(self) -> None:
        ask_for_realtime(PORT_PRIORITY)
        self._player.run(self._lines)

    def _note(self, report: dict[str, Any]) -> None:
        if "played" in report:
            self.lateness.add(report["late_ns"])


class Stand:
    """The player's side without sockets: keys go to the host, and its plans to `sound`."""

    def __init__(self, host: SessionHost, start: Start, sound: NullSound) -> None:
        self._clock = PlayerClock(start.bpm)
        self.side = PlayerSide(self._clock, channels_of(start.machine))
        self.struck: list[int] = []  # when each key went down or came up
        self.reactions = Times()  # from each key-down to the review that heard it
        self._unreviewed: dict[int, int] = {}  # by seq
        self._host = host
        self._sound = sound
        self._keys = HeldKeys()
        self._heard: SimpleQueue[ServerMessage] = SimpleQueue()
        self._seat: Seat = host.open(start, self._heard.put)
        self._seq = 0

    def perform(self, performance: Sequence[Phrase], seconds: float) -> None:
        """Until `seconds` after the first key."""
        began = monotonic_ns()
        timed = (each for phrase in performance for each in messages(phrase))
        waiting = deque((began + round(at * 1e9), message) for at, message in timed)
        beat, end = began, began + round(seconds * 1e9)
        while (now := monotonic_ns()) < end:
            if waiting and waiting[0][0] <= now:
                self._strike(waiting.popleft()[1], now)
            elif beat <= now:
                tick = self._clock.tick_at(Nanos(now))
                self._host.heartbeat(self._seat, ClientHeartbeat(tick=tick))
                beat += HEARTBEAT
            else:
                self._follow(min(end, beat, waiting[0][0] if waiting else end))
        self._host.close(self._seat)

    def _strike(self, message: bytes, now: int) -> None:
        self.struck.append(now)
        for event in self._keys.hear(message, Nanos(now)):
            tick = self._clock.play(event.at)
            played = PlayedNote(seq=self._seq, tick=tick, pitch=event.pitch, velocity=event.velocity)
            if played.velocity:
                self._unreviewed[self._seq] = now
            self._host.deliver(self._seat, played)
            self._seq += 1

    def _follow(self, until: int) -> None:
        """Wait for a plan, and hand on what it commits."""
        with suppress(Empty):
            message = self._heard.get(timeout=max(0, until - monotonic_ns()) / 1e9)
            if isinstance(message, ErrorMessage):
                raise TradefoursError(f"expected the session to play on, got: {message.reason}")
            if isinstance(message, Plan):
                self._note_review(message, monotonic_ns())
                for sound in self.side.follow(message, Nanos(monotonic_ns())):
                    self._sound.schedule(asdict(sound))

    def _note_review(self, plan: Plan, now: int) -> None:
        if plan.reviewed_seq is not None:
            for seq in [seq for seq in self._unreviewed if seq <= plan.reviewed_seq]:
                self.reactions.add(now - self._unreviewed.pop(seq))
