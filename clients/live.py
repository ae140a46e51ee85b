"""A typed Python client of `/v1/live`.

    async with LiveClient("ws://127.0.0.1:8765/v1/live") as live:
        await live.start(mode="answer", bpm=100)
        await live.note(tick=0, pitch=60, velocity=90)
        async for message in live:
            ...  # Plan, ServerHeartbeat, ErrorMessage; with start(tokens=True) also Tokens, for a TokenStream to follow

It sends heartbeats, measures the round trip and notices a server that fell silent; after a cut another client goes on
where this one was (`resume`). Knows no ports and no clock of music: the caller says what tick it is.
"""

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from functools import cache
from http import HTTPStatus
from importlib.metadata import PackageNotFoundError, version
from time import monotonic_ns
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from urllib.request import ProxyHandler, Request, build_opener

from pydantic import ValidationError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.typing import Subprotocol

from clients.access import KEY_VARIABLE, bearer, own_key
from clients.times import Times, percentile
from music.errors import NotLetIn, TradefoursError
from music.time import Tick
from streaming.messages import (
    HEARTBEAT_S,
    SILENCE_S,
    ClientBye,
    ClientHeartbeat,
    ClientMessage,
    Control,
    ErrorMessage,
    Hello,
    Join,
    Message,
    Pedal,
    PlayedNote,
    PlayerPart,
    ServerBye,
    ServerHeartbeat,
    ServerMessage,
    Start,
    Transport,
    Welcome,
    server_message,
)
from streaming.wire import JSON_WIRE, BadFrame, Wire, unpack

OPEN_S: Final = 5.0
CLOSE_S: Final = 0.5
NEWEST_TRIPS: Final = 40  # ten seconds of heartbeats: what the server is told of the round trip
SAID_MESSAGES: Final = 1024  # the newest, remembered to be said again
UNREAD_MESSAGES: Final = 4096  # a caller that leaves more of them unread loses the connection, not the server's memory

log = logging.getLogger(__name__)

Numbered = TypeVar("Numbered", bound=Message)


def _with_player(url: str, player: str) -> str:
    """What stands before several servers finds the one by it where a client was: `player` stays when it comes back."""
    return f"{url}{'&' if '?' in url else '?'}player={player}"


@cache  # it is read from files, and told in every greeting
def tradefours_version() -> str:
    try:
        return version("tradefours")
    except PackageNotFoundError:
        return "unknown"


Sayable = Start | PlayedNote | Pedal | Control | Transport


class Said:
    """What was said to a session, numbered and remembered, whatever connection carried it."""

    def __init__(self) -> None:
        self._seq = 0
        self._newest: deque[Sayable] = deque(maxlen=SAID_MESSAGES)

    def number(self, message: Numbered) -> Numbered:
        numbered = message.model_copy(update={"seq": self._seq})
        self._seq += 1
        if isinstance(numbered, Sayable):
            self._newest.append(numbered)
        return numbered

    def after(self, seq: int) -> Sayable | None:
        """The next one."""
        return next((message for message in self._newest if message.seq > seq), None)


class LiveClient:
    """One connection to a live session. Use from one event loop; `note` waits only for room in the socket."""

    def __init__(
        self,
        url: str,
        *,
        tick: Callable[[], Tick | None] = lambda: None,
        bpm: Callable[[], float | None] = lambda: None,
        client: str = "",
        wire: Wire = JSON_WIRE,
        keep_s: float = 0.0,
        resume: "LiveClient | None" = None,
        access_key: str | None = None,
    ) -> None:
        """`tick` tells the heartbeat where the caller's clock is; None until it runs. `bpm`: how fast, if that is
        another tempo than `start`'s; 0 while it stands.

        A session waits `keep_s` for a lost client. `resume`: that client, whose session is to go on; `welcome.resumed`
        says whether it does, and then what was missed comes first, in both directions. Else `start` anew.

        `access_key` opens a server that wants one: that of the environment (`TRADEFOURS_KEY`) if not said.
        """
        self.url = url
        self._player: str = resume._player if resume is not None else secrets.token_hex(4)
        self.round_trip = Times()
        self._newest_trips: deque[int] = deque(maxlen=NEWEST_TRIPS)
        self.welcome: Welcome | None = None
        self._tick = tick
        self._bpm = bpm
        self._wire = wire
        self._key = own_key() if access_key is None else access_key
        self._client = client or f"tradefours-python {tradefours_version()}"
        self._socket: ClientConnection | None = None
        self._said: Said = resume._said if resume is not None else Said()
        self._is_lost = False
        self._last_seq = 0  # of the server's messages
        before = resume.welcome if resume is not None else None
        self._hello = Hello(
            client=self._client,
            keep_s=keep_s,
            resume=before.resume if before else "",
            last_seq=resume._last_seq if resume is not None else 0,
        )
        self._has_met_unknown = False
        self._unread: asyncio.Queue[ServerMessage | TradefoursError | None] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._socket = await self._connect()
        try:
            await self._send(self._hello)
            self.welcome = await self._receive_welcome()
            self._last_seq = self.welcome.seq
            if self.welcome.resumed:
                await self._say_again(self.welcome.last_seq)
        except BaseException:
            await self._socket.close()
            raise
        self._tasks = [asyncio.create_task(self._beat()), asyncio.create_task(self._read())]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        assert self._socket is not None
        if not self._is_lost:  # a server that only seemed to be gone shall not take this for our will
            with suppress(TradefoursError):
                await self._send(ClientBye())
        await self._socket.close()

    async def start(self, **settings: Any) -> int:
        """Begin to play; the settings are the fields of `Start`. Returns the message's seq, as all senders do."""
        return await self._send(Start(**settings))

    async def join(self, session: str, player: PlayerPart) -> int:
        """Play in another client's session, instead of `start`."""
        return await self._send(Join(session=session, player=player))

    async def note(self, tick: int, pitch: int, velocity: int, part: int = 0) -> int:
        """A key went down, or came up (velocity 0)."""
        return await self._send(PlayedNote(tick=tick, part=part, pitch=pitch, velocity=velocity))

    def note_later(self, tick: int, pitch: int, velocity: int, part: int = 0) -> None:
        """As `note`, of a client whose connection is lost: the one that goes on says it first of all."""
        self._said.number(PlayedNote(tick=tick, part=part, pitch=pitch, velocity=velocity))

    async def pedal(self, tick: int, down: bool, part: int = 0) -> int:
        """The sustain pedal, for callers that do not fold it into their notes."""
        return await self._send(Pedal(tick=tick, part=part, down=down))

    async def control(self, **changes: Any) -> int:
        """Change how the machine plays; the changes are the fields of `Control`."""
        return await self._send(Control(**changes))

    async def stop(self, tick: int) -> int:
        """The machine rests from `tick` until the next human note."""
        return await self._send(Transport(action="stop", tick=tick))

    async def end(self, tick: int) -> int:
        """The machine comes to a close: a last chord, within two bars."""
        return await self._send(Transport(action="end", tick=tick))

    async def beat(self) -> int:
        """A heartbeat now, besides the regular ones: the server learns the caller's clock at once."""
        newest = self._newest_trips
        round_trip_ms = min(percentile(newest, 0.95) / 1e6, 10_000.0) if newest else None
        tick, bpm = self._tick(), self._bpm()
        return await self._send(
            ClientHeartbeat(tick=tick, bpm=bpm, ping_ns=monotonic_ns(), round_trip_ms=round_trip_ms)
        )

    async def recording(self) -> bytes:
        """What has been played in this session so far, as a MIDI file: the humans and the machine on tracks apart."""
        assert self.welcome is not None
        scheme, _, rest = self.url.partition("://")
        url = f"{scheme.replace('ws', 'http', 1)}://{rest.partition('/')[0]}/v1/sessions/{self.welcome.session}.mid"
        try:
            return await asyncio.to_thread(_fetch, url, self._key)
        except OSError as error:
            raise TradefoursError(f"expected a recording at {url}, got: {error}") from error

    async def __aiter__(self) -> AsyncIterator[ServerMessage]:
        """Every message after `welcome`. Ends after `bye`; raises TradefoursError when the connection is lost."""
        while (message := await self._unread.get()) is not None:
            if isinstance(message, TradefoursError):
                raise message
            yield message

    async def _connect(self) -> ClientConnection:
        try:
            socket = await connect(
                _with_player(self.url, self._player),
                subprotocols=[Subprotocol(self._wire.subprotocol)],
                additional_headers=bearer(self._key),
                compression=None,  # messages are small; deflating them costs more time than it saves
                proxy=None,
                ping_interval=None,  # heartbeats do this in both directions, and faster
                open_timeout=OPEN_S,
                close_timeout=CLOSE_S,
            )
        except InvalidURI as error:
            raise TradefoursError(f"expected an address such as ws://127.0.0.1:8765/v1/live, got {self.url}") from error
        except InvalidStatus as error:
            status = error.response.status_code
            if status == HTTPStatus.UNAUTHORIZED:
                got = "another" if self._key else "none"
                raise NotLetIn(f"expected a key that {self.url} knows, got {got}: set {KEY_VARIABLE}") from None
            raise TradefoursError(f"expected {self.url} to accept the connection, got HTTP status {status}") from error
        except InvalidHandshake as error:
            raise TradefoursError(f"expected a Tradefours server at {self.url}, got: {error}") from error
        except (OSError, EOFError, ConnectionClosed) as error:
            raise TradefoursError(f"expected a server at {self.url}, got none: {error}") from error
        if socket.subprotocol != self._wire.subprotocol:
            await socket.close()
            raise TradefoursError(
                f"expected {self.url} to speak {self._wire.subprotocol}, got {socket.subprotocol or 'none'}"
            )
        return socket

    async def _receive_welcome(self) -> Welcome:
        message = await self._receive(OPEN_S)
        if isinstance(message, ErrorMessage):
            raise TradefoursError(f"expected {self.url} to welcome us, got: {message.reason}")
        if not isinstance(message, Welcome):
            raise TradefoursError(f"expected {self.url} to welcome us, got {message.type!r}")
        return message

    async def _send(self, message: ClientMessage) -> int:
        if self._socket is None:
            raise TradefoursError("expected an open connection, got one before `async with`")
        numbered = self._said.number(message)
        await self._put(numbered)
        return numbered.seq

    async def _say_again(self, seq: int | None) -> None:
        """Before any heartbeat: the server then hears of each note as of its own moment."""
        heard = -1 if seq is None else seq
        while message := self._said.after(heard):
            await self._put(message)
            heard = message.seq

    async def _put(self, message: ClientMessage) -> None:
        assert self._socket is not None
        try:
            await self._socket.send(self._wire.encode(message))
        except ConnectionClosed as error:
            raise TradefoursError(f"expected {self.url} to stay, but it left: {error}") from error

    async def _receive(self, timeout_s: float) -> ServerMessage:
        """The next message of a known type; each of another one is a sign of life, too."""
        while (message := self._known(await self._receive_text(timeout_s))) is None:
            pass
        return message

    async def _receive_text(self, timeout_s: float) -> str | bytes:
        assert self._socket is not None
        try:
            async with asyncio.timeout(timeout_s):
                return await self._socket.recv()
        except TimeoutError as error:
            raise TradefoursError(f"expected a heartbeat of {self.url} within {timeout_s:g} s, got silence") from error
        except ConnectionClosed as error:
            raise TradefoursError(f"expected {self.url} to stay, but it left: {error}") from error

    def _known(self, text: str | bytes) -> ServerMessage | None:
        """None for a type, and without the fields, that only a newer server knows."""
        try:
            if isinstance(text, bytes):
                return server_message.validate_python(unpack(text), extra="ignore")
            return server_message.validate_json(text, extra="ignore")
        except BadFrame as error:
            raise TradefoursError(f"expected a message of {self._wire.subprotocol}, got: {error}") from error
        except ValidationError as error:
            first = error.errors()[0]
            if first["type"] != "union_tag_invalid":
                raise TradefoursError(f"expected a message of {self._wire.subprotocol}, got: {first['msg']}") from error
            if not self._has_met_unknown:
                self._has_met_unknown = True
                log.warning("%s sends messages of an unknown type, %s: ignored", self.url, first["ctx"]["tag"])
            return None

    async def _beat(self) -> None:
        with suppress(TradefoursError):  # the reader says so
            while True:
                await self.beat()
                await asyncio.sleep(HEARTBEAT_S)

    async def _read(self) -> None:
        try:
            while not isinstance(message := await self._receive(SILENCE_S), ServerBye):
                self._last_seq = message.seq
                if isinstance(message, ServerHeartbeat) and message.ping_ns:
                    trip = monotonic_ns() - message.ping_ns
                    self.round_trip.add(trip)
                    self._newest_trips.append(trip)
                if self._unread.qsize() >= UNREAD_MESSAGES:
                    raise TradefoursError(f"expected messages to be read, got {UNREAD_MESSAGES} unread ones")
                self._unread.put_nowait(message)
            self._unread.put_nowait(message)
            self._unread.put_nowait(None)
        except TradefoursError as error:
            self._is_lost = True
            self._unread.put_nowait(error)


def _fetch(url: str, key: str) -> bytes:
    opener = build_opener(ProxyHandler({}))  # as for the socket: the server is near
    with opener.open(Request(url, headers=bearer(key)), timeout=OPEN_S) as response:
        content: bytes = response.read()
    return content
