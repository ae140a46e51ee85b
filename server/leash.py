"""A child process that leaves when its parent is gone, however the parent died."""

import os
import signal
import threading


def leave_when_stdin_ends() -> None:
    """The parent holds the other end of stdin and never writes: its end is the parent's end."""

    def wait() -> None:
        while os.read(0, 1):  # not sys.stdin: the interpreter would want its lock when it ends
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()
