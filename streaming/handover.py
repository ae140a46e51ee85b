"""When the next context is begun, and when it takes over. Knows no plan: the scribe says what is true."""

from model.engine.work import Step
from model.tokens.codec import Header
from music.time import Tick
from streaming.relief import WANTED, Relief
from streaming.scribe import Scribe


class Handover:
    """Never blocks; use from one thread. To be asked between two notes only."""

    def __init__(self) -> None:
        self._relief: Relief | None = None  # the next context, while it is being prepared
        self._since = Tick(0)  # the bar line after which it was begun

    def is_wanted(self, scribe: Scribe) -> bool:
        return self._relief is not None or scribe.filled >= WANTED

    def give_up(self) -> None:
        """What was prepared is no longer true."""
        self._relief = None

    def step(self, header: Header, scribe: Scribe, now: Tick, bar: int) -> Step | None:
        """A few more tokens of the next context."""
        if self._relief is None:
            self._relief = Relief(header, scribe.written, scribe.limit)
            self._since = Tick(now // bar * bar)
        return self._relief.step(scribe.written, scribe.transcript.state.step)

    def confirm(self) -> bool:
        """That step has run. False: what was prepared has been given up meanwhile."""
        if self._relief is None:
            return False
        self._relief.transcript.confirm()
        return True

    def take_over(self, scribe: Scribe, now: Tick, bar: int) -> bool:
        """At a bar line, or as soon after as it has caught up. True: it is the scribe's transcript from now on."""
        if self._relief is None or now < self._since + bar or not self._relief.has_caught_up(scribe.written):
            return False
        scribe.adopt(self._relief.transcript)
        self._relief = None
        return True
