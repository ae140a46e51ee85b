"""What a caller asks of an engine, and the engine's shape. Free of torch, so that sessions may speak it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypeVar

from model.tokens.grammar import Ranges
from music.errors import BadSetting, TradefoursError


class EngineFull(TradefoursError):
    """No room for another sequence."""


class BadStep(TradefoursError):
    """Work that a sequence cannot do: the engine has changed nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How a token is drawn from its allowed slice."""

    temperature: float = 1.0  # 0 takes the likeliest
    top_p: float = 1.0  # keep the smallest set that holds this much probability
    min_p: float = 0.0  # drop what is less likely than this share of the likeliest

    def __post_init__(self) -> None:
        if self.temperature < 0 or not 0 < self.top_p <= 1 or not 0 <= self.min_p < 1:
            given = f"temperature {self.temperature}, top_p {self.top_p} and min_p {self.min_p}"
            raise BadSetting(f"expected temperature >= 0, 0 < top_p <= 1 and 0 <= min_p < 1, got {given}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """One token to be drawn: from these slices of the vocabulary, so."""

    allowed: Ranges
    sampling: Sampling = field(default_factory=Sampling)
    bias: tuple[tuple[int, float], ...] = ()  # (token id, offset of its logit), before temperature; a token once
    throw: int = 0  # whoever draws again at the same place wants other dice; of the first draw, for all behind it
    then: tuple["Follower", ...] = ()  # the first whose range the token is in is drawn at once behind it
    longest: int = field(init=False, compare=False)  # the most tokens that it and those behind it give

    def __post_init__(self) -> None:
        object.__setattr__(self, "longest", 1 + max((follower.draw.longest for follower in self.then), default=0))

    def behind(self, token: int) -> "Draw | None":
        """What is drawn at once behind `token`, if this draw gives that."""
        return next((follower.draw for follower in self.then if follower.first <= token < follower.stop), None)


class Follower(NamedTuple):
    """A draw behind a token of `first` to `stop`."""

    first: int
    stop: int
    draw: Draw


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Work for one sequence: rewind to `keep` tokens, append, and perhaps draw the next.

    The last token drawn is appended by the engine only with the next step's `append`: what a caller never
    sends back was never played. Those before it, of a draw with `then`, the sequence has.
    """

    keep: int
    append: tuple[int, ...] = ()
    draw: Draw | None = None

    @property
    def most(self) -> int:
        """Tokens that are read and drawn."""
        return len(self.append) + (self.draw.longest if self.draw else 0)


Drawn = tuple[int, ...]  # nothing, a token, or as many as a draw and those behind it gave


@dataclass(frozen=True, slots=True, kw_only=True)
class Cached:
    """How much of its keys and values an engine uses, at one moment."""

    sequences: int  # open
    most_sequences: int
    bytes: int  # of the tokens that they hold
    most_bytes: int


class EngineSequence(Protocol):
    """One sequence's tokens inside an engine."""

    @property
    def length(self) -> int: ...

    def close(self) -> None:
        """Free its memory."""


S = TypeVar("S", bound=EngineSequence)


class Engine(Protocol[S]):
    """Engine thread only; blocks while it computes."""

    @property
    def capacity(self) -> int:
        """The most tokens a sequence may hold."""

    def open(self, seed: int) -> S: ...

    def fork(self, sequence: S, seed: int) -> S: ...

    def run(self, work: Sequence[tuple[S, Step]]) -> list[Drawn]:
        """One step for each sequence, batched; what each drew, in order."""


class ServedEngine(Engine[S], Protocol[S]):
    """One that operators look at, too."""

    def cached(self) -> Cached:
        """From any thread; never blocks."""
