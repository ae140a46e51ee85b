"""When the machine may play: a turn begins and ends differently in each mode. Knows no tokens and no plan."""

from dataclasses import dataclass

from music.time import Tick
from streaming.keys import Keys
from streaming.settings import Settings


@dataclass(slots=True, eq=False)
class Turn:
    """The machine's leave to play, up to `end`."""

    end: Tick
    is_opened: bool  # False: its first note is still to come
    opens_by: Tick  # and should come by then


def after_note(turn: Turn | None, tick: Tick, settings: Settings) -> Turn | None:
    """The turn after a human note at `tick`: a duet goes on with it, an answer is over."""
    if settings.mode == "answer":
        return None
    end = Tick(tick + settings.idle)
    return Turn(max(end, turn.end) if turn else end, is_opened=True, opens_by=tick)


def answer_due(keys: Keys, settings: Settings) -> Tick | None:
    """When the human will have been silent for long enough; None while there is nothing to answer."""
    if settings.mode != "answer" or keys.phrase_end is None:
        return None
    return Tick(keys.phrase_end + settings.silence)


def answer(keys: Keys, now: Tick, settings: Settings) -> Turn:
    """As long as the phrase in whole bars, within the limit. The phrase then counts as answered."""
    assert keys.phrase_start is not None
    assert keys.phrase_end is not None
    bars = max(1, -((keys.phrase_start - keys.phrase_end) // settings.bar))
    keys.phrase_start = None
    first = now + settings.lead
    end = Tick(first + min(bars * settings.bar, settings.answer))
    return Turn(end, is_opened=False, opens_by=Tick(first + settings.opening))
