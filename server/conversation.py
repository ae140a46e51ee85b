"""What a client and its session say to one another, numbered and remembered, whatever connection carries it.

Event loop only. Knows no socket. The rule of what is remembered: the newest messages, `REMEMBERED` at most; a client
that has missed more cannot go on and begins anew.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from music.errors import TradefoursError
from server.journals import Journal
from server.outbox import LEFT, Outbox
from server.seat import Refused, Seat
from server.stage import Stage
from server.watch import WatchBegan, WatchEnded, WatchPlan
from streaming.messages import ErrorMessage, Join, Plan, ServerMessage, Start, Tokens
from streaming.token_stream import TokenStream
from streaming.wire import Wire

REMEMBERED: Final = 1024
MOVED: Final = "moved"  # the outcome of a session that goes on in another server


class Conversation:
    def __init__(self, stage: Stage, wire: Wire, complain: Callable[[ErrorMessage], None], caller: str) -> None:
        """`complain` is told of errors of the session. `caller`: by which key or from where the client came."""
        self.caller = caller
        self.session = secrets.token_hex(4)
        self.token = secrets.token_urlsafe(16)
        self.keep_s = 0.0  # so long the session waits for a client whose connection was lost
        self.complain = complain
        self.seat: Seat | None = None
        self.outbox: Outbox | None = None
        self.wire = wire
        self._stage = stage
        self._loop = asyncio.get_running_loop()
        self._seq = 0
        self._sent: deque[ServerMessage] = deque(maxlen=REMEMBERED)
        self.heard_seq: int | None = None  # of the client's newest message to its session
        self._known_seq = 0  # what heard_seq was when it last went on: so far it need not say again
        self._starts = 0  # how often this client has begun to play
        self.parts: frozenset[int] = frozenset()  # that this client plays
        self._tokens = TokenStream()
        self._guests: list[Conversation] = []  # who joined our session
        self._hosted_by: Conversation | None = None  # whose session we joined
        self._expiry: asyncio.TimerHandle | None = None
        self._remembered_by = "memory"

    @classmethod
    async def revived(
        cls, stage: Stage, wire: Wire, complain: Callable[[ErrorMessage], None], caller: str, token: str, last_seq: int
    ) -> "Conversation | None":
        """One of another server, which has ended or hands it over: its session goes on by its journal.

        Raises Refused without a place.
        """
        if stage.host.is_full:  # whoever has it may keep it
            return None
        found = await asyncio.to_thread(stage.journals.find, token) if stage.journals else None
        if not found or not stage.journals or token in stage.conversations:
            return None
        truth = found.truth
        truth.go_on()
        self = cls(stage, wire, complain, caller)
        self.session, self.token, self.keep_s = found.session, token, found.about["keep_s"]
        self.heard_seq, self._seq, self._starts = truth.heard_seq, last_seq + 1, found.number
        journal = stage.journals.go_on(found, stage.about, self._hander(found.number))
        try:
            seat = stage.host.open(truth.start, self._emitter(found.number), journal=journal, truth=truth)
        except TradefoursError:
            journal.close()
            raise
        self._sit(seat, truth.start)
        self._remembered_by = "journal"
        return self

    @property
    def is_guest(self) -> bool:
        return self._hosted_by is not None

    @property
    def room(self) -> str:
        """The session that is played in: our own, or that of our host."""
        return self.session if self._hosted_by is None else self._hosted_by.session

    # ---- messages ------------------------------------------------------------------------------------

    def send(self, message: ServerMessage) -> None:
        numbered = message.model_copy(update={"seq": self._seq})
        self._seq += 1
        if self.keep_s:
            self._sent.append(numbered)
        self._put(numbered)

    def say_last(self, message: ServerMessage) -> None:
        """To this connection alone: another one that goes on need not hear of it, so it takes no number of its own."""
        self._put(message.model_copy(update={"seq": max(0, self._seq - 1)}))

    def can_go_on(self, last_seq: int) -> bool:
        """Nothing that followed `last_seq` is forgotten."""
        return self._seq - len(self._sent) <= last_seq + 1 <= self._seq

    def go_on(self, outbox: Outbox, wire: Wire, welcome: ServerMessage, last_seq: int) -> None:
        """On another connection: `welcome`, which repeats the number of the last message heard, and what was missed."""
        if self._expiry is not None:
            self._expiry.cancel()
        self._known_seq = self.heard_seq or 0
        if self.seat is not None:
            self.seat.expect_what_was_missed()
        self.outbox, self.wire = outbox, wire
        self._stage.diary.session_goes_on(self.session, self._remembered_by)
        self._remembered_by = "memory"
        self._put(welcome.model_copy(update={"seq": last_seq}))
        for message in self._sent:
            if message.seq > last_seq:
                self._put(message)

    def _put(self, message: ServerMessage) -> None:
        if isinstance(message, ErrorMessage):
            self._stage.diary.errors[message.code] += 1
        if self.outbox is not None:
            self.outbox.put(self.wire.encode(message))

    def wait(self) -> None:
        """The connection was lost: the session plays on for a while, in case that the client comes back."""
        self.outbox = None
        if self.seat is None or self.is_guest or not self.keep_s:
            self.leave("lost")
        else:
            self._expiry = self._loop.call_later(self.keep_s, self.leave, "lost")
            self._stage.diary.session_waits(self.session, self.keep_s)

    def is_known(self, seq: int) -> bool:
        """The client says again what was heard before it was cut off. One that does not count says 0."""
        return 0 < seq <= self._known_seq

    # ---- the session ---------------------------------------------------------------------------------

    def start(self, start: Start) -> None:
        number, journals = self._starts + 1, self._stage.journals
        about = {**self._stage.about, "keep_s": self.keep_s}
        hand_over = self._hander(number)
        journal = journals.begin(self.session, number, self.token, about, hand_over) if journals else None
        try:
            seat = self._open(start, number, journal)
        except Refused as refused:
            sessions = self._own_sessions if self._has_enough else list(self._stage.conversations.values())
            waiting = next((each for each in sessions if each.outbox is None), None)
            if refused.code != "full" or waiting is None:
                raise
            waiting.leave("gave_way")  # whoever is here goes before who may come back
            seat = self._open(start, number, journal)
        self.leave("replaced")
        self._starts = number
        self._sit(seat, start)
        self._stage.diary.session_begins(self.session, start)

    @property
    def _own_sessions(self) -> list["Conversation"]:
        """This caller's others."""
        return [each for each in self._stage.conversations.values() if each.caller == self.caller and each is not self]

    @property
    def _has_enough(self) -> bool:
        most = self._stage.settings.max_sessions_each
        return most is not None and len(self._own_sessions) >= most

    def _open(self, start: Start, number: int, journal: Journal | None) -> Seat:
        if self._has_enough:
            most = self._stage.settings.max_sessions_each
            raise Refused("full", f"expected at most {most} players of {self.caller}, got one more", fatal=True)
        return self._stage.host.open(start, self._emitter(number), instead_of=self._own_seat, journal=journal)

    def _sit(self, seat: Seat, start: Start) -> None:
        self.seat = seat
        self.parts = frozenset(player.part for player in start.human)
        self._tokens = TokenStream()
        self._stage.began(self.session, seat)
        self._stage.conversations[self.token] = self
        self._stage.gallery.show(WatchBegan(session=self.session, start=start))

    def join(self, join: Join) -> None:
        """Play in the session of another."""
        found = [each for each in self._stage.conversations.values() if each.session == join.session]
        if not found or found[0].seat is None:
            raise Refused("no_session", f"expected a session that plays, got {join.session!r}")
        (host,) = found
        assert host.seat is not None
        self._stage.host.join(host.seat, join.player)
        if self._hosted_by is not host:
            self.leave()
            self.seat, self._hosted_by = host.seat, host
            host._guests.append(self)
        self.parts |= {join.player.part}

    def leave(self, outcome: str = "left") -> None:
        """End the session, if there is one, or take leave of another's. `outcome`: why, in a word."""
        if self._hosted_by is not None:
            self._hosted_by._guests.remove(self)
            if self.seat is not None:
                self._stage.host.leave(self.seat, self.parts)
        elif self.seat is not None:
            # Where the whole house stops, a client that has patience may go on in the next one.
            trouble = self._stage.trouble
            is_broken = not self.seat.is_open and outcome != "replaced"  # whose seat the host has closed for the next
            goes_on = outcome == MOVED or (self.keep_s and trouble)
            self._stage.host.close(self.seat, is_over=not goes_on)
            how = "stopped" if self._stage.is_closing else "failed" if is_broken else outcome
            late, rested = self.seat.session.late, self.seat.session.rested
            self._stage.diary.session_ends(self.session, how, late=late, rested=rested)
            self._stage.gallery.show(WatchEnded(session=self.session))
            self._stage.seats.pop(self.session, None)
            self._stage.conversations.pop(self.token, None)
            for guest in list(self._guests):
                guest.leave()
                guest.send(ErrorMessage(code="session_over", reason="expected the host to stay, but it left"))
        self.seat, self._hosted_by, self.parts = None, None, frozenset()

    def _hander(self, number: int) -> Callable[[], None]:
        """For the thread that writes the journal: another server has our client, and wants the set of this number."""

        def hand_over() -> None:
            with suppress(RuntimeError):  # the loop is closed, and all of it goes on elsewhere
                self._loop.call_soon_threadsafe(self._hand_over, number)

        return hand_over

    def _hand_over(self, number: int) -> None:
        if number != self._starts or self._own_seat is None or not self.keep_s:
            return  # done already, or it would not go on there
        if self.outbox is not None:  # that connection is dead, and the other server knows it first
            self.outbox.end(LEFT, "the client came back by another server")
            self.outbox = None
        self.leave(MOVED)

    @property
    def _own_seat(self) -> Seat | None:
        return None if self.is_guest else self.seat

    def _emitter(self, starts: int) -> Callable[[ServerMessage], None]:
        """For the engine thread: brings a message to the event loop."""

        def emit(message: ServerMessage) -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody is left to hear it
                self._loop.call_soon_threadsafe(self._on_emitted, starts, message)

        return emit

    def _on_emitted(self, starts: int, message: ServerMessage) -> None:
        if starts != self._starts or self.seat is None or self.is_guest:
            return  # from a session that this client has left
        if isinstance(message, Plan):
            for listener in (self, *self._guests):
                listener.send(message)
            self._stage.gallery.show(WatchPlan(session=self.session, plan=message))
        elif isinstance(message, Tokens):
            self._tokens.follow(message)
            self.tell_tokens()
        elif isinstance(message, ErrorMessage):
            self.complain(message)

    def tell_tokens(self) -> None:
        """Where the client is behind, or away, they wait and come as one change."""
        if self.outbox is not None and self.outbox.has_room and (message := self._tokens.take()):
            self.send(message)
