"""The bridge's talk with a server: connected again and again, gone on with where that is possible, told in order.

Knows no ports and no clock; what the server plans goes to a listener.
"""

import asyncio
import logging
import random
from collections import deque
from dataclasses import dataclass
from statistics import fmean
from time import monotonic, monotonic_ns
from typing import Final, Protocol

from clients.live import LiveClient
from clients.times import KEPT, Times
from clients.together import until_one_ends
from music.errors import NotLetIn, TradefoursError
from music.time import Nanos, Tick
from streaming.messages import Control, ErrorMessage, Plan, ServerHeartbeat, Start, Transport

FIRST_PAUSE_S: Final = 0.05  # between attempts to connect; grows by GROWTH up to LONGEST_PAUSE_S
GROWTH: Final = 1.6
LONGEST_PAUSE_S: Final = 2.0
KEEP_S: Final = 60.0  # the session waits so long for us, and we for it
LONGEST_WAITING_PAUSE_S: Final = 0.25  # between attempts, as long as it waits
HOLDS_S: Final = 2.0  # a connection that lasts so long, or brings a plan, was no failed attempt
UNANSWERED: Final = 256  # human notes whose reaction time is still open

log = logging.getLogger("bridge")


@dataclass(frozen=True, slots=True)
class HumanNote:
    tick: Tick
    part: int
    pitch: int
    velocity: int  # 0 means that the key came up


@dataclass(frozen=True, slots=True)
class Beat:
    """Tell the clock now."""


Sayable = HumanNote | Beat | Start | Control | Transport


class Listener(Protocol):
    def start(self) -> Start:
        """What a session that begins now is told."""
        ...

    def begun(self) -> None:
        """A session begins: what was before it is over."""
        ...

    def planned(self, plan: Plan, now: Nanos) -> None: ...

    def lost(self) -> None:
        """The connection is gone: be silent."""
        ...

    def tick(self) -> Tick | None:
        """For the heartbeat, as `bpm`."""
        ...

    def bpm(self) -> float | None: ...


class Talk:
    """`stay_connected` until cancelled; the other methods never block. One event loop."""

    def __init__(self, url: str, listener: Listener, access_key: str = "") -> None:
        self._url = url
        self._key = access_key
        self._listener = listener
        self._to_send: asyncio.Queue[Sayable] | None = None  # None while not connected
        self._lost: LiveClient | None = None  # whose session may go on
        self._lost_at = 0.0
        self._deaf_until = 0  # the ping whose answer says that the newest `start` was heard
        self.reaction = Times()
        self.round_trip = Times()
        self._unanswered: dict[int, Nanos] = {}  # seq of a human note: when it was sent
        self._tokens_per_second: deque[float] = deque(maxlen=KEPT)
        self._said: list[str] = []  # since the last connection that held
        self._pause_s = FIRST_PAUSE_S

    @property
    def is_connected(self) -> bool:
        return self._to_send is not None

    @property
    def has_session(self) -> bool:
        """One that plays, or that may go on."""
        return self._to_send is not None or self._lost is not None

    @property
    def tokens_per_second(self) -> float | None:
        return round(fmean(self._tokens_per_second), 1) if self._tokens_per_second else None

    def note(self, note: HumanNote) -> None:
        """Now, or first of all when the session goes on."""
        if self._to_send is not None:
            self._to_send.put_nowait(note)
        elif self._lost is not None:
            self._lost.note_later(note.tick, note.pitch, note.velocity, note.part)

    def beat(self) -> None:
        """The clock is another than the server thinks."""
        if self._to_send is not None:
            self._to_send.put_nowait(Beat())

    def say(self, wish: Control | Transport) -> None:
        """Nothing while not connected."""
        if self._to_send is not None:
            self._to_send.put_nowait(wish)

    def begin_anew(self) -> None:
        """The session is over, another begins: at once where there is a connection."""
        self._lost = None
        self._unanswered.clear()
        if self._to_send is not None:
            self._to_send.put_nowait(self._listener.start())

    async def stay_connected(self) -> None:
        """Raises NotLetIn where the server wants another key."""
        while True:
            if self._lost and monotonic() - self._lost_at > KEEP_S:
                self._lost = None
                self._listener.begun()
            try:
                async with LiveClient(
                    self._url,
                    tick=self._listener.tick,
                    bpm=self._listener.bpm,
                    client="tradefours-bridge",
                    keep_s=KEEP_S,
                    resume=self._lost,
                    access_key=self._key,
                ) as live:
                    await self._converse(live)
            except NotLetIn:  # nor later: our key stays as it is
                raise
            except TradefoursError as error:
                self._say_once(logging.WARNING, str(error))
            await asyncio.sleep(self._pause_s * random.uniform(0.8, 1.2))
            longest = LONGEST_WAITING_PAUSE_S if self._lost else LONGEST_PAUSE_S
            self._pause_s = min(longest, self._pause_s * GROWTH)

    async def _converse(self, live: LiveClient) -> None:
        assert live.welcome is not None
        connected = f"connected to {self._url}, model {live.welcome.model}"
        self._say_once(logging.INFO, connected)
        self.round_trip = live.round_trip
        self._deaf_until = 0
        goes_on = live.welcome.resumed
        if goes_on:
            log.info("the session goes on")
        else:
            self._listener.begun()
            self._unanswered.clear()
        self._to_send = asyncio.Queue()
        try:
            if not goes_on:
                await _start(live, self._listener.start())
            await until_one_ends(self._send(live), self._listen(live, connected))
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
                self._hear(message)
            elif isinstance(message, ServerHeartbeat):
                if message.ping_ns >= self._deaf_until:
                    self._deaf_until = 0
                if message.tokens_per_second:
                    self._tokens_per_second.append(message.tokens_per_second)
        self._say_once(logging.INFO, "the server said goodbye")

    def _hear(self, plan: Plan) -> None:
        if self._deaf_until:
            return  # of a session that is over
        now = Nanos(monotonic_ns())
        self._listener.planned(plan, now)
        if plan.reviewed_seq is not None:
            for seq in [seq for seq in self._unanswered if seq <= plan.reviewed_seq]:
                self.reaction.add(now - self._unanswered.pop(seq))

    async def _send(self, live: LiveClient) -> None:
        assert self._to_send is not None
        knows_clock = False
        while True:
            item = await self._to_send.get()
            if isinstance(item, Start):
                self._deaf_until = monotonic_ns()
                await _start(live, item)
            if not (isinstance(item, HumanNote) and knows_clock):
                knows_clock = True
                try:
                    await live.beat()  # a note alone would put the server's clock at its tick, whatever the offset
                except BaseException:
                    if isinstance(item, HumanNote):
                        live.note_later(item.tick, item.pitch, item.velocity, item.part)
                    raise
            match item:
                case HumanNote():
                    await self._send_note(live, item)
                case Control():
                    await live.control(**item.model_dump(include=item.model_fields_set))
                case Transport(action="end"):
                    await live.end(item.tick)
                case Transport():
                    await live.stop(item.tick)

    async def _send_note(self, live: LiveClient, note: HumanNote) -> None:
        now = Nanos(monotonic_ns())
        seq = await live.note(note.tick, note.pitch, note.velocity, note.part)
        if note.velocity and len(self._unanswered) < UNANSWERED:
            self._unanswered[seq] = now

    def _fall_silent(self, live: LiveClient) -> None:
        self._listener.lost()
        self._unanswered.clear()
        unsent, self._to_send = self._to_send, None
        self._lost, self._lost_at = live, monotonic()
        while unsent and not unsent.empty():
            item = unsent.get_nowait()
            if isinstance(item, Start):
                self._lost = None  # what comes after it is for another session
            elif isinstance(item, HumanNote):
                self.note(item)

    def _reset_attempts(self, connected: str) -> None:
        """This connection holds: the next attempt is a first one again."""
        if self._said and self._said[-1] != connected:
            log.info("%s", connected)  # the last that was said is no longer so
        self._said.clear()
        self._pause_s = FIRST_PAUSE_S

    def _say_once(self, level: int, sentence: str) -> None:
        """However often it is tried again."""
        if sentence not in self._said:
            self._said.append(sentence)
            log.log(level, "%s", sentence)


async def _start(live: LiveClient, start: Start) -> None:
    await live.start(**start.model_dump(exclude={"type", "seq"}))
