"""MIDI ports on one side, a live session on the other: what a player with a DAW or a keyboard runs.

The ports open first and stay open while connections come and go; whenever the connection is lost, all falls silent,
and for a while what is played is kept for the moment when the session goes on.
Knows no network and no model: the server's plans say what to play.
"""

import asyncio
import json
import logging
import random
import signal
import sys
from collections import deque
from collections.abc import Awaitable
from dataclasses import asdict
from statistics import fmean
from time import monotonic, monotonic_ns
from typing import Any, Final

from clients.bridge_options import HUMAN_PART, MACHINE_PART, BridgeOptions
from clients.held_keys import HeldKeys, KeyEvent
from clients.live import LiveClient
from clients.out_port import OutPort
from clients.player_side import HumanNote, PlayerSide
from clients.ports import INPUT_NAME, OUTPUT_NAME, InputPort, open_input
from clients.times import KEPT, Times
from music.errors import PortError, TradefoursError
from music.time import Nanos, Tick
from streaming.messages import ErrorMessage, Plan, ServerHeartbeat

FIRST_PAUSE_S: Final = 0.05  # between attempts to connect; grows by GROWTH up to LONGEST_PAUSE_S
GROWTH: Final = 1.6
LONGEST_PAUSE_S: Final = 2.0
KEEP_S: Final = 60.0  # the session waits so long for us, and we for it
LONGEST_WAITING_PAUSE_S: Final = 0.25  # between attempts, as long as it waits
HOLDS_S: Final = 2.0  # a connection that lasts so long, or brings a plan, was no failed attempt
STUCK_CHECK_S: Final = 1.0
UNANSWERED: Final = 256  # human notes whose reaction time is still open

log = logging.getLogger("bridge")


class Bridge:
    """`run` until told to stop. One bridge, one event loop."""

    def __init__(self, options: BridgeOptions) -> None:
        self._options = options
        self._start = options.start()
        self._keys = HeldKeys()
        offset = Nanos(round(options.offset_ms * 1e6))
        self._side = PlayerSide(options.bpm, {MACHINE_PART: options.program}, offset)
        self._to_send: asyncio.Queue[HumanNote] | None = None  # None while not connected
        self._lost: LiveClient | None = None  # whose session may go on
        self._lost_at = 0.0
        self._reaction = Times()
        self._round_trip = Times()
        self._unanswered: dict[int, Nanos] = {}  # seq of a human note: when it was sent
        self._answered = False
        self._tokens_per_second: deque[float] = deque(maxlen=KEPT)
        self._said: list[str] = []  # since the last connection that held
        self._pause_s = FIRST_PAUSE_S
        self._failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._out = OutPort(
            options.output or OUTPUT_NAME, virtual=options.output is None, api=options.api, failed=self._give_up
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set. Raises PortError when a port cannot be had, or is lost for good."""
        entry: InputPort | None = None
        try:
            await self._out.open()
            entry = self._open_input()
            log.info("ports open: %s, %s", entry.name, self._out.name)
            await _until_one_ends(stop.wait(), self._stay_connected(), self._release_stuck_keys(), self._failure)
        finally:
            if entry is not None:
                entry.close()
            await self._out.close()
            if entry is not None:  # else there is nothing to tell but why
                self._report()

    def statistics(self) -> dict[str, Any]:
        """Notes sent to the port; notes that were known in time, late but played, or dropped; times in milliseconds:
        `lateness` at the port, `reaction` from a human note to the plan that was reviewed against it, `round_trip` of
        heartbeats; `tokens_per_second` of the server while it drew any, None if never."""
        return {
            "notes_on": self._out.notes_on,
            "notes_off": self._out.notes_off,
            "in_time": self._side.in_time,
            "late": self._side.late,
            "dropped": self._side.dropped,
            "lateness": self._out.lateness.summary_ms(),
            "reaction": self._reaction.summary_ms(),
            "round_trip": self._round_trip.summary_ms(),
            "tokens_per_second": round(fmean(self._tokens_per_second), 1) if self._tokens_per_second else None,
        }

    # ---- keys, in ------------------------------------------------------------------------------------

    def _open_input(self) -> InputPort:
        loop = asyncio.get_running_loop()
        options = self._options

        def arrived(message: bytes, at: Nanos) -> None:  # in the driver's thread
            loop.call_soon_threadsafe(self._hear, message, at)

        return open_input(options.input or INPUT_NAME, arrived, virtual=options.input is None, api=options.api)

    def _hear(self, message: bytes, at: Nanos) -> None:
        self._play(self._keys.hear(message, at))

    def _play(self, events: list[KeyEvent]) -> None:
        if self._to_send is None and self._lost is None:
            return
        for event in events:
            if not self._side.clock.runs:
                log.info("first note")
            note = self._side.play(event)
            if self._to_send is not None:
                self._to_send.put_nowait(note)
            elif self._lost is not None:
                self._lost.note_later(note.tick, note.pitch, note.velocity, HUMAN_PART)

    async def _release_stuck_keys(self) -> None:
        while True:
            await asyncio.sleep(STUCK_CHECK_S)
            self._play(self._keys.release_stuck(Nanos(monotonic_ns())))

    # ---- the connection ------------------------------------------------------------------------------

    async def _stay_connected(self) -> None:
        while True:
            if self._lost and monotonic() - self._lost_at > KEEP_S:
                self._lost = None
                self._side.reset()
            try:
                async with LiveClient(
                    self._options.url, tick=self._tick, client="tradefours-bridge", keep_s=KEEP_S, resume=self._lost
                ) as live:
                    await self._converse(live)
            except TradefoursError as error:
                self._say_once(logging.WARNING, str(error))
            await asyncio.sleep(self._pause_s * random.uniform(0.8, 1.2))
            longest = LONGEST_WAITING_PAUSE_S if self._lost else LONGEST_PAUSE_S
            self._pause_s = min(longest, self._pause_s * GROWTH)

    async def _converse(self, live: LiveClient) -> None:
        assert live.welcome is not None
        connected = f"connected to {self._options.url}, model {live.welcome.model}"
        self._say_once(logging.INFO, connected)
        self._round_trip = live.round_trip
        goes_on = live.welcome.resumed
        if goes_on:
            log.info("the session goes on")
            self._to_send = asyncio.Queue()
        else:
            self._begin_anew()
        if self._options.mode == "continue" and not goes_on:  # nobody need play for the music to begin
            self._side.clock.play(Nanos(monotonic_ns()))
        try:
            if not goes_on:
                await live.start(**self._start.model_dump(exclude={"type", "seq"}))
            await _until_one_ends(self._send_notes(live), self._listen(live, connected))
        finally:
            self._fall_silent(live)  # now: closing the socket may take its time

    async def _listen(self, live: LiveClient, connected: str) -> None:
        began, holds = monotonic(), False
        async for message in live:
            if isinstance(message, ErrorMessage):
                self._say_once(logging.WARNING, f"the server says: {message.reason}")
                continue
            if not holds and (isinstance(message, Plan) or monotonic() - began > HOLDS_S):
                holds = True
                self._reset_attempts(connected)
            if isinstance(message, Plan):
                self._follow(message)
            elif isinstance(message, ServerHeartbeat) and message.tokens_per_second:
                self._tokens_per_second.append(message.tokens_per_second)
        self._say_once(logging.INFO, "the server said goodbye")

    def _reset_attempts(self, connected: str) -> None:
        """This connection holds: the next attempt is a first one again."""
        if self._said and self._said[-1] != connected:
            log.info("%s", connected)  # the last that was said is no longer so
        self._said.clear()
        self._pause_s = FIRST_PAUSE_S

    def _begin_anew(self) -> None:
        self._keys.release_all(Nanos(0))  # keys down since before are no part of the new session
        self._side.reset()
        self._unanswered.clear()
        self._answered = False
        self._to_send = asyncio.Queue()

    async def _send_notes(self, live: LiveClient) -> None:
        assert self._to_send is not None
        is_first = True
        while True:
            note = await self._to_send.get()
            if is_first:
                is_first = False
                try:
                    await live.beat()  # a note alone would put the server's clock at its tick, whatever the offset
                except BaseException:
                    live.note_later(note.tick, note.pitch, note.velocity, HUMAN_PART)
                    raise
            now = Nanos(monotonic_ns())
            seq = await live.note(note.tick, note.pitch, note.velocity, HUMAN_PART)
            if note.velocity and len(self._unanswered) < UNANSWERED:
                self._unanswered[seq] = now

    def _follow(self, plan: Plan) -> None:
        now = Nanos(monotonic_ns())
        if plan.silence:
            self._out.silence()
        for sound in self._side.follow(plan, now):
            self._out.schedule(**asdict(sound))
            if not self._answered:
                self._answered = True
                log.info("answered")
        if plan.reviewed_seq is not None:
            for seq in [seq for seq in self._unanswered if seq <= plan.reviewed_seq]:
                self._reaction.add(now - self._unanswered.pop(seq))

    def _fall_silent(self, live: LiveClient) -> None:
        self._out.silence()
        self._unanswered.clear()
        unsent, self._to_send = self._to_send, None
        self._lost, self._lost_at = live, monotonic()
        while unsent and not unsent.empty():
            note = unsent.get_nowait()
            live.note_later(note.tick, note.pitch, note.velocity, HUMAN_PART)

    def _tick(self) -> Tick | None:
        return self._side.due_tick(Nanos(monotonic_ns()))

    # ---- what the user reads -------------------------------------------------------------------------

    def _say_once(self, level: int, sentence: str) -> None:
        """However often it is tried again."""
        if sentence not in self._said:
            self._said.append(sentence)
            log.log(level, "%s", sentence)

    def _give_up(self, error: PortError) -> None:
        if not self._failure.done():
            self._failure.set_exception(error)

    def _report(self) -> None:
        statistics = self.statistics()
        late = statistics["lateness"]
        log.info(
            "played %d notes, ended %d; late by p50 %.2f, p95 %.2f, p99 %.2f ms",
            *(statistics["notes_on"], statistics["notes_off"]),
            *(late["p50_ms"], late["p95_ms"], late["p99_ms"]),
        )
        if self._options.stats:
            self._options.stats.write_text(json.dumps(statistics, indent=2) + "\n")


async def _until_one_ends(*works: Awaitable[object]) -> None:
    """Do all of it at once until the first part ends, and raise what that part raised."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _run_until_signal(options: BridgeOptions) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def ask_to_stop(*_: object) -> None:
        loop.call_soon_threadsafe(stop.set)

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if number := getattr(signal, name, None):
            try:
                loop.add_signal_handler(number, ask_to_stop)
            except NotImplementedError:  # Windows
                signal.signal(number, ask_to_stop)
    await Bridge(options).run(stop)


def run_bridge(options: BridgeOptions) -> int:
    """The bridge, until ctrl-C or SIGTERM (0), or until a port cannot be had (1, and a sentence on stderr)."""
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s", stream=sys.stderr)
    try:
        asyncio.run(_run_until_signal(options))
    except TradefoursError as error:
        print(error, file=sys.stderr)
        return 1
    return 0
