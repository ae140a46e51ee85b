"""MIDI ports on one side, a live session on the other: what a player with a DAW or a keyboard runs.

The ports open first and stay open while connections come and go; whenever the connection is lost, or the clock
stops, all falls silent. Knows no network and no model: the server's plans say what to play.
"""

import asyncio
import json
import logging
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict
from time import monotonic_ns
from typing import Any, Final

from clients.bridge_options import BridgeOptions
from clients.clock_conductor import ClockConductor
from clients.clock_out import ClockOut
from clients.conductor import Change, Conductor
from clients.desk import Desk
from clients.display import Display, State, display
from clients.inputs import Inputs
from clients.learned import Learned
from clients.link import LinkSession
from clients.link_conductor import LinkConductor
from clients.out_port import OutPort
from clients.player_side import PlayerSide, Sound, channels_of
from clients.players import PartKey, Players
from clients.ports import CLOCK_NAME, OUTPUT_NAME
from clients.realtime import BRIDGE_PRIORITY, ask_for_realtime
from clients.recorder import Recorder
from clients.talk import HumanNote, Talk
from clients.terminal import Typed, typed_here
from clients.thru import Thru
from clients.together import until_one_ends
from clients.wishes import RANGES, Wish, Wishes
from music.errors import PortError, TradefoursError
from music.messages import SYSTEM, is_pressed
from music.time import TICKS_PER_QUARTER, Nanos, Tick
from streaming.clock import PlayerClock
from streaming.messages import Plan, Start, Transport

STUCK_CHECK_S: Final = 1.0
CLOCK_CHECK_S: Final = 0.03

Keyboard = Callable[[Typed], AbstractContextManager[None]]  # the computer's; hands on what is typed in its block

log = logging.getLogger("bridge")


class Bridge:
    """`run` until told to stop. One bridge, one event loop."""

    def __init__(self, options: BridgeOptions) -> None:
        self._options = options
        self._start = options.start()
        self._clock = PlayerClock(options.bpm)
        self._conductor = _conductor(self._clock, options)
        self._players = Players(len(options.inputs), options.input_channels)
        self._told: set[tuple[int, int]] = set()  # keys that the session knows to be down
        self._waiting: list[HumanNote] = []  # notes of a take whose tempo is not yet known
        channels = channels_of(self._start.machine)
        has_ports = options.ports == "by-part"  # each part one, which is a channel of the port process
        places = {part: number for number, part in enumerate(channels)} if has_ports else channels
        self._side = PlayerSide(self._clock, places, _nanos(options.offset_ms))
        self._talk = Talk(options.url, self, options.access_key)
        self._answered = False
        self._failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._clock_out = ClockOut(self._clock, _nanos(options.clock_offset_ms))
        self._thru = Thru()
        self._out = OutPort(
            options.output or OUTPUT_NAME,
            virtual=options.output is None,
            api=options.api,
            failed=self._give_up,
            clock=None if options.output else CLOCK_NAME,
            senses=options.active_sensing,
            exact=options.exact,
            parts=tuple(channels.values()) if has_ports else (),
            is_back=self._thru.open_again,
        )
        self._recorder = Recorder(options.record)
        self._wishes = Wishes(self._start)
        self._desk = Desk(self._wishes, Learned(options.controllers), end=self._end, panic=self._panic)
        self._inputs = Inputs(options.inputs, options.api, self._hear, self._unplugged, at_once=self._thru.hear)

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set. Raises PortError without a port, NotLetIn without the server's key."""
        is_open = False
        try:
            await self._out.open()
            if self._options.thru:
                self._thru.open(self._options.output, self._options.api)
            self._inputs.open()
            is_open = True
            log.info("ports open: %s, %s", self._inputs.names, self._out.name)
            await until_one_ends(
                stop.wait(),
                self._talk.stay_connected(),
                self._release_stuck_keys(),
                self._keep_time(),
                self._inputs.watch(),
                self._failure,
            )
        finally:
            self._inputs.close()
            self._thru.close()
            self._tell_clock(stops=True)
            await self._out.close()
            if is_open:  # else there is nothing to tell but why
                self._report()

    def statistics(self) -> dict[str, Any]:
        """Notes sent to the port; notes that were known in time, late but played, or dropped; times in milliseconds:
        `lateness` at the port, `reaction` from a human note to the plan that was reviewed against it, `round_trip` of
        heartbeats, `thru` from the driver to the port; and the server's `tokens_per_second`, if it drew any."""
        return {
            "notes_on": self._out.notes_on,
            "notes_off": self._out.notes_off,
            "in_time": self._side.in_time,
            "late": self._side.late,
            "dropped": self._side.dropped,
            "lateness": self._out.lateness.summary_ms(),
            "reaction": self._talk.reaction.summary_ms(),
            "round_trip": self._talk.round_trip.summary_ms(),
            "thru": self._thru.added.summary_ms(),
            "tokens_per_second": self._talk.tokens_per_second,
        }

    def state(self) -> State:
        """For the player to read."""
        bar, rest = divmod(self._tick_now, self._options.bar)
        runs = self._clock.runs and self._conductor.stands_at is None
        knobs = (f"{wish.value.replace('-', ' ')} {self._wishes[wish]:g}" for wish in RANGES)
        return State(
            is_connected=self._talk.is_connected,
            mode=self._wishes[Wish.MODE],
            bpm=round(self._conductor.tempo, 1),
            place=f"bar {bar + 1}.{rest // TICKS_PER_QUARTER + 1}" if runs else "",
            is_silent=self._wishes[Wish.MUTE],
            wishes=" · ".join(knobs),
            notes=self._out.notes_on,
            late_ms=self._out.lateness.newest_p95_ms(),
            waits_for=self._desk.waits_for,
        )

    # ---- keys and clocks, in -------------------------------------------------------------------------

    def _hear(self, port: int, message: bytes, at: Nanos) -> None:
        if message[0] >= SYSTEM:
            self._change(self._conductor.hear(message, at))
        elif self._options.tap is not None and is_pressed(message, self._options.tap):
            self._change(self._conductor.tap(at))
        elif not self._desk.hear(self._inputs.device(port), message):
            self._play(self._players.hear(port, message, at))

    def type(self, key: str) -> None:
        """A key of the computer."""
        self._desk.type(key)

    def _unplugged(self, port: int, at: Nanos) -> None:
        self._thru.gone(port)
        self._play(self._players.gone(port, at))

    def _play(self, keys: list[PartKey]) -> None:
        for each in keys:
            if self._talk.has_session and self._is_heard(each):
                self._tell(each)

    def _is_heard(self, each: PartKey) -> bool:
        """A key that comes up is, if it was when it went down."""
        name = each.part, each.key.pitch
        if not each.key.velocity:
            was_told = name in self._told
            self._told.discard(name)
            return was_told
        self._change(self._conductor.key(each.key.at))
        if self._conductor.listens:
            self._told.add(name)
        return name in self._told

    def _tell(self, each: PartKey) -> None:
        is_first = self._conductor.leads and not self._clock.runs
        note = HumanNote(self._conductor.tick_of(each.key.at), each.part, each.key.pitch, each.key.velocity)
        if is_first:
            log.info("first note")
            self._tell_clock()
        if self._conductor.is_taking:
            self._waiting.append(note)
        else:
            self._say(note)

    def _say(self, note: HumanNote) -> None:
        if self._recorder.take:
            self._recorder.take.key(note.part, note.pitch, note.velocity, note.tick)
        self._talk.note(note)

    async def _release_stuck_keys(self) -> None:
        while True:
            await asyncio.sleep(STUCK_CHECK_S)
            self._play(self._players.release_stuck(Nanos(monotonic_ns())))

    async def _keep_time(self) -> None:
        """Notice a clock that has gone, keep what is promised in step with it, and tell our own."""
        while True:
            await asyncio.sleep(CLOCK_CHECK_S)
            self._change(self._conductor.watch(Nanos(monotonic_ns())))
            for sound in self._side.moved(Nanos(monotonic_ns())):
                self._out.move(sound.id, sound.due, sound.off)
            self._tell_clock()
            if self._talk.is_connected and (news := self._wishes.news()):
                self._talk.say(news)

    def _tell_clock(self, *, stops: bool = False) -> None:
        leads = self._conductor.leads and not stops
        for due, message in self._clock_out.messages(Nanos(monotonic_ns()), leads=leads):
            self._out.pulse(due, message)

    # ---- the clock has news --------------------------------------------------------------------------

    def _change(self, change: Change | None) -> None:
        match change:
            case Change.STOP:
                log.info("%s has stopped", self._conductor.source)
                self._silence()
                self._talk.beat()
            case Change.GO_ON:
                log.info("the clock goes on at %g bpm", round(self._clock.bpm, 1))
                self._talk.beat()
                self._sound(self._side.go_on(Nanos(monotonic_ns())))
            case Change.TAKE:
                log.info("following %s at %g bpm", self._conductor.source, self._conductor.tempo)
                self._take()
            case Change.TEMPO:
                self._talk.beat()
        if self._recorder.take and change in (Change.GO_ON, Change.TEMPO):
            self._recorder.take.tempo(self._clock.bpm, self._tick_now)

    def _take(self) -> None:
        """All begins anew, but for the notes that were played since."""
        self._silence()
        self._recorder.begin(self.start(), self._tick_now)
        self._side.reset()
        self._answered = False
        self._wishes.say_again()
        self._talk.begin_anew()
        waiting, self._waiting = self._waiting, []
        for note in waiting:
            self._say(note)

    # ---- what the talk asks and tells ----------------------------------------------------------------

    def start(self) -> Start:
        """What a session that begins now is told."""
        return self._wishes.of(self._start).model_copy(update={"bpm": self._conductor.tempo})

    def begun(self) -> None:
        """A session begins: keys down since before are no part of it."""
        self._players.release_all(Nanos(0))
        self._told.clear()
        self._recorder.begin(self.start(), self._tick_now)
        self._conductor.reset()
        self._side.reset()
        self._answered = False
        if self._wishes[Wish.MODE] == "continue" and self._conductor.leads:  # nobody need play for the music to begin
            self._clock.play(Nanos(monotonic_ns()))

    def planned(self, plan: Plan, now: Nanos) -> None:
        if plan.silence:
            self._silence()
        self._sound(self._side.follow(plan, now))

    def lost(self) -> None:
        """The connection is gone: be silent."""
        self._silence()
        self._wishes.say_again()

    def tick(self) -> Tick | None:
        """For the heartbeat: None until the clock runs."""
        if self._conductor.is_taking:
            return None
        stands_at = self._conductor.stands_at
        return self._side.due_tick(Nanos(monotonic_ns())) if stands_at is None else stands_at

    def bpm(self) -> float | None:
        return self._conductor.bpm

    @property
    def _tick_now(self) -> Tick:
        stands_at = self._conductor.stands_at
        tick = self._clock.tick_at(Nanos(monotonic_ns())) if stands_at is None else stands_at
        return Tick(0) if tick is None else tick

    def _silence(self) -> None:
        self._out.silence()
        if self._recorder.take:
            self._recorder.take.silence(self._tick_now)

    def _sound(self, sounds: list[Sound]) -> None:
        for sound in sounds:
            self._out.schedule(**asdict(sound))
            if self._recorder.take:
                self._recorder.take.note(self._side.promised(sound.id))
            if not self._answered:
                self._answered = True
                log.info("answered")

    # ---- what the player asks for while playing ------------------------------------------------------

    def _end(self) -> None:
        """Come to a close."""
        if (tick := self.tick()) is not None:
            self._talk.say(Transport(action="end", tick=tick))

    def _panic(self) -> None:
        """Everything is silent, whatever happens, until somebody plays."""
        log.info("panic: all is silent")
        self._silence()
        self._out.panic()
        self._thru.panic()
        self._play(self._players.release_all(Nanos(monotonic_ns())))
        if (tick := self.tick()) is not None:
            self._talk.say(Transport(action="stop", tick=tick))

    # ---- what the user reads -------------------------------------------------------------------------

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
        if path := self._recorder.end(self._tick_now):
            log.info("recorded %s", path)
        if self._options.stats:
            self._options.stats.write_text(json.dumps(statistics, indent=2) + "\n")


def _conductor(clock: PlayerClock, options: BridgeOptions) -> Conductor:
    if options.clock != "link":
        return ClockConductor(clock, options.clock, options.bar)
    return LinkConductor(clock, LinkSession(options.bpm, options.bar / TICKS_PER_QUARTER), options.bar)


def _nanos(ms: float) -> Nanos:
    return Nanos(round(ms * 1e6))


async def _run_until_signal(options: BridgeOptions, keyboard: Keyboard, screen: Display) -> None:
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
    ask_for_realtime(BRIDGE_PRIORITY)
    bridge = Bridge(options)

    def typed(key: str) -> None:  # in the keyboard's thread
        with suppress(RuntimeError):  # the loop ends before the thread does
            loop.call_soon_threadsafe(bridge.type, key)

    with keyboard(typed):
        await until_one_ends(bridge.run(stop), screen.show(bridge.state))


def run_bridge(options: BridgeOptions, keyboard: Keyboard = typed_here) -> int:
    """The bridge, until ctrl-C or SIGTERM (0), or until it cannot go on (1, and a sentence on stderr)."""
    try:
        with display() as screen:
            asyncio.run(_run_until_signal(options, keyboard, screen))
    except TradefoursError as error:
        print(error, file=sys.stderr)
        return 1
    return 0
