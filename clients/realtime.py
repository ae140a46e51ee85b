"""Ask the system to wake us on time, however busy the machine is: where it lets us, and only for what never spins."""

import os
from contextlib import suppress
from typing import Final

PORT_PRIORITY: Final = 5  # below JACK's own, which is 10 and more
BRIDGE_PRIORITY: Final = 3  # its work is short, but the port goes first


def ask_for_realtime(priority: int) -> bool:
    """This thread, and those that it starts. False where the system has no such thing or keeps it for itself."""
    with suppress(OSError, AttributeError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
        return True
    return False
