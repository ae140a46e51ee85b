"""The end of a server, in order and in time, whatever hangs. Knows no client and no engine.

The first signal: not ready from that moment on, and the end begins. What has not ended `DEADLINE_S` later is left
behind. The second signal ends the process at once.
"""

import logging
import os
import sys
import threading
from typing import Final, NoReturn

from server.stage import Stage

DEADLINE_S: Final = 4.0  # five are promised

log = logging.getLogger(__name__)


class Drain:
    """Main thread only."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._has_begun = False

    def hear(self, signal: int) -> None:
        if self._has_begun:
            os._exit(128 + signal)
        self._has_begun = True
        self._stage.is_closing = True
        deadline = threading.Timer(DEADLINE_S, self._give_up)
        deadline.daemon = True
        deadline.start()

    def _give_up(self) -> None:
        """A thread that computes or reads must not keep the process. All is well if the rest has been put away."""
        if not self._stage.is_put_away:
            log.error("expected to stop within %s s, got more to do: leaving it", DEADLINE_S)
        for handler in logging.getLogger().handlers:
            handler.close()
        os._exit(0 if self._stage.is_put_away else 1)


def leave(code: int) -> NoReturn:
    """At once, as everything is put away: taking PyTorch apart would keep the interpreter for 1.5 s more."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
