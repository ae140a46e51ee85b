"""When the machine may play: a turn begins and ends differently in each mode. Knows no tokens and no plan."""

from dataclasses import dataclass, replace
from typing import Final

from model.tokens.vocabulary import TICKS_PER_STEP
from music.time import Tick
from streaming.keys import Keys
from streaming.settings import Settings

FOREVER: Final = Tick(2**40)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """The machine's leave to play."""

    begin: Tick = Tick(0)
    end: Tick
    opens_by: Tick | None = None  # its first note is still to come, and should come by then
    close: Tick | None = None  # a bar line: the last chord begins there, and nothing after it

    @property
    def stops(self) -> Tick:
        """No note begins there or later; those that have begun may ring until the end."""
        return self.end if self.close is None else Tick(self.close + TICKS_PER_STEP)


def after_note(turn: Turn | None, tick: Tick, settings: Settings, *, is_silent: bool) -> Turn | None:
    """The turn after a human note at `tick`: most go on with it, an answer is over.

    Who plays along and is silent, with nothing promised, owes a note within a bar.
    """
    owed = Tick(tick + settings.bar) if is_silent else None
    match settings.mode:
        case "answer":
            return None
        case "trade":
            return turn
        case "duet":
            end = Tick(tick + settings.idle)
            return Turn(end=max(end, turn.end) if turn else end, opens_by=owed)
        case "accompany":
            return Turn(end=FOREVER, opens_by=owed)
        case "continue":
            return Turn(end=FOREVER)


def due_at(keys: Keys, settings: Settings, last: Turn | None) -> Tick | None:
    """When the mode itself gives the machine a turn; None while there is none to come. `last`: the one before."""
    match settings.mode:
        case "answer" if keys.phrase_end is not None:
            return Tick(keys.phrase_end + settings.silence)
        case "trade" if keys.last_down is not None and keys.last_down >= settings.count_in:
            begin = _trade(keys.last_down, settings).begin
            return None if last and last.begin >= begin else Tick(max(0, begin - settings.lookahead))
        case "continue" if last is None:
            return Tick(0)
    return None


def given(keys: Keys, now: Tick, settings: Settings) -> Turn:
    """The turn that is due."""
    match settings.mode:
        case "answer":
            return _answer(keys, now, settings)
        case "trade":
            assert keys.last_down is not None
            return _trade(keys.last_down, settings)
    return Turn(begin=now, end=FOREVER, opens_by=Tick(now + settings.lead + settings.beat))


def as_held(turn: Turn, keys: Keys, settings: Settings) -> Turn:
    """Accompanists play on while a key is down, and to the end of the next bar."""
    if settings.mode != "accompany" or turn.close is not None:
        return turn
    last = max(keys.last_up, keys.last_down or keys.last_up)
    end = FOREVER if keys.are_down else Tick((last // settings.bar + 2) * settings.bar)
    return turn if end == turn.end else replace(turn, end=end)


def closing(now: Tick, settings: Settings) -> Turn:
    """The way to a last chord, at the first bar line that leaves a beat to prepare it."""
    line = Tick(-(-(now + settings.lead + settings.beat) // settings.bar) * settings.bar)
    return Turn(end=Tick(line + settings.bar), close=line)


def _answer(keys: Keys, now: Tick, settings: Settings) -> Turn:
    """As long as the phrase in whole bars, within the limit."""
    assert keys.phrase_start is not None
    assert keys.phrase_end is not None
    bars = max(1, -((keys.phrase_start - keys.phrase_end) // settings.bar))
    begin = Tick(now + settings.lead)
    if settings.answer_on_bar:
        begin = Tick(-(-begin // settings.bar) * settings.bar)
    end = Tick(begin + min(bars * settings.bar, settings.answer))
    return Turn(begin=begin, end=end, opens_by=Tick(begin + settings.opening))


def _trade(last_down: Tick, settings: Settings) -> Turn:
    """The machine's bars that follow the human's, in which the newest note was played; else the bars it lies in."""
    rounds = max(0, last_down - settings.count_in) // (2 * settings.trade)
    begin = Tick(settings.count_in + (2 * rounds + 1) * settings.trade)
    return Turn(begin=begin, end=Tick(begin + settings.trade), opens_by=Tick(begin + settings.beat))
