"""The half of a session that asks the engine and plans the notes, as the session sees it, whatever tokens it speaks.

Knows no keys and no players: the session says what is true, and whose turn it is.
"""

from abc import ABC, abstractmethod

from model.engine.work import Drawn, Step
from music.time import Tick
from streaming.foresight import Foresight
from streaming.messages import Tokens
from streaming.pace import SHORT_PLAN, Pace
from streaming.plan import LivePlan
from streaming.scribe import Line
from streaming.settings import Settings
from streaming.turns import Turn

NOBODYS = Turn(end=Tick(0))


class Performer(ABC):
    """Never blocks; use from one thread."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.pace = Pace(lead=settings.lead, commit=settings.commit, lookahead=settings.lookahead)
        self.plan = LivePlan(settings.commit)
        self.foresight = Foresight()
        self.turn: Turn | None = None
        self._written_turn: Turn | None = None  # one that is decided to its end
        self.is_urgent = False  # an answer is owed

    def pass_to(self, now: Tick) -> None:
        """Time passes: what of it was decided before it came? To be told before anything changes."""
        if self.foresight.has_passed(now):  # as for most calls: many come within a sixteenth
            return
        turn = self.turn or self._written_turn or NOBODYS
        self.foresight.pass_to(now, turn.begin, turn.stops, self._decided_to)

    def is_decided(self, now: Tick) -> bool:
        """All that is promised next, notes or rest, is decided."""
        return self._spare(now) > 0

    def is_pressed(self, now: Tick) -> bool:
        """What is decided reaches less far beyond what is promised than it should where humans play."""
        return self._spare(now) < SHORT_PLAN

    def _spare(self, now: Tick) -> int:
        """So many ticks are decided beyond those that are promised next."""
        begin = self.turn.begin if self.turn else 0
        return max(self._decided_to, begin) - (now + self.plan.commit)

    @property
    @abstractmethod
    def _decided_to(self) -> int:
        """No note will come before this tick but those that are planned."""

    # ---- what the session says -----------------------------------------------------------------------

    def hear_round_trip(self, ticks: int) -> None:
        """How long a message to the player and back takes."""
        self.pace.hear_round_trip(ticks)

    @abstractmethod
    def remember(self, line: Line) -> None:
        """A note from before all that is played."""

    @abstractmethod
    def hear(self, line: Line, since: Tick) -> None:
        """A human note: what is not promised from `since` on is written anew."""

    @abstractmethod
    def release(self, line: Line, duration: int) -> None:
        """The key came up."""

    def begin(self, turn: Turn) -> None:
        """A turn that came by itself."""
        self.turn = turn
        self.is_urgent = True

    @abstractmethod
    def hold_to(self, turn: Turn) -> None:
        """The turn may end earlier than it was to: what was written beyond that goes."""

    @abstractmethod
    def follow(self, settings: Settings) -> None:
        """New settings. What is frozen stays as it is."""

    @abstractmethod
    def rethink(self) -> None:
        """All that is not promised is written anew."""

    @abstractmethod
    def freeze(self, now: Tick) -> None:
        """From the last promised note on, the bar that ends with it is repeated."""

    @abstractmethod
    def thaw(self) -> None:
        """No longer frozen."""

    @abstractmethod
    def silence(self, now: Tick) -> None:
        """End all that sounds, and take back all that was promised."""

    @abstractmethod
    def end_turn(self) -> None:
        """What was drawn of it and is not planned is forgotten."""

    # ---- work for the engine -------------------------------------------------------------------------

    @abstractmethod
    def poll(self, now: Tick) -> Step | None:
        """What the engine should do next for this sequence; None: nothing now."""

    @abstractmethod
    def accept(self, drawn: Drawn, now: Tick) -> None:
        """The result of the last polled step."""

    @abstractmethod
    def advance(self, now: Tick) -> None:
        """A note whose moment passed before it could be promised is dropped."""

    @abstractmethod
    def next_step(self, now: Tick) -> Tick | None:
        """When `poll` next has something to do, if nobody says anything."""

    @abstractmethod
    def take_tokens(self) -> Tokens | None:
        """How the tokens that the network sees have changed since the last call."""

    # ---- the next context, for one whose context fills -----------------------------------------------

    @property
    def wants_relief(self) -> bool:
        """A second sequence should take over."""
        return False

    def relieve(self, now: Tick) -> Step | None:
        """For the second sequence, where `poll` has nothing to do: the next context, a few tokens at a time."""
        return None

    def accept_relief(self, now: Tick) -> bool:
        """That step has run. True: the second sequence is the first from now on, and the other one is free."""
        return False
