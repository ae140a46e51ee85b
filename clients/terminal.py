"""Keys typed at the terminal, one at a time and without Return. Knows not what they mean."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread

Typed = Callable[[str], None]  # runs in a thread of its own

ESCAPE = b"\x1b"  # begins what arrows and function keys send


def read_keys(typed: Typed) -> None:
    """Hand on what is typed at stdin, until that ends."""
    while chunk := os.read(0, 64):
        hand_on(chunk, typed)


def hand_on(chunk: bytes, typed: Typed) -> None:
    """Plain keys alone."""
    if not chunk.startswith(ESCAPE):
        for key in chunk.decode("ascii", errors="ignore"):
            typed(key)


if sys.platform == "win32":
    import msvcrt
    from _thread import interrupt_main

    SPECIAL = ("\x00", "\xe0")  # before the letter that says which arrow or function key it was
    CTRL_C = "\x03"

    @contextmanager
    def one_at_a_time(terminal: int, group: int) -> Iterator[None]:
        """As the console has it."""
        yield

    @contextmanager
    def left_as_it_was(terminal: int) -> Iterator[None]:
        """A console belongs to nobody."""
        yield

    @contextmanager
    def listening(typed: Typed) -> Iterator[None]:
        """For as long as the block runs, where stdin is a terminal."""

        def read() -> None:
            while True:
                key = msvcrt.getwch()
                if key in SPECIAL:
                    msvcrt.getwch()
                elif key == CTRL_C:  # no signal is made of it while we wait for keys
                    interrupt_main()
                else:
                    hand_on(key.encode(errors="ignore"), typed)

        if sys.stdin.isatty():
            Thread(target=read, daemon=True).start()
        yield

else:
    import signal
    import termios
    import tty
    from time import sleep

    AWAY_S = 0.5  # between looks whether a job in the background is in front again

    @contextmanager
    def one_at_a_time(terminal: int, group: int) -> Iterator[None]:
        """Keys come when they are typed, and are not shown, where `terminal` is one with that process group in front.

        Main thread only.
        """
        if not is_in_front(terminal, group):
            yield
            return
        before = termios.tcgetattr(terminal)
        # A job in the background that touches its terminal would be stopped, and its music with it.
        handlers = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGTTIN, signal.SIGTTOU)}
        try:
            tty.setcbreak(terminal)
            yield
        finally:
            termios.tcsetattr(terminal, termios.TCSADRAIN, before)
            for number, handler in handlers.items():
                signal.signal(number, handler or signal.SIG_DFL)

    @contextmanager
    def left_as_it_was(terminal: int) -> Iterator[None]:
        """Whatever a child did to it that was killed before it could tidy up. Where we are in front."""
        if not is_in_front(terminal, os.getpgrp()):
            yield
            return
        before = termios.tcgetattr(terminal)
        try:
            yield
        finally:
            if is_in_front(terminal, os.getpgrp()):
                termios.tcsetattr(terminal, termios.TCSADRAIN, before)

    @contextmanager
    def listening(typed: Typed) -> Iterator[None]:
        """For as long as the block runs, where stdin is a terminal and we are in front. Main thread only."""

        def read() -> None:
            while True:
                try:
                    read_keys(typed)
                    return
                except OSError:  # in the background: what is typed is not for us
                    sleep(AWAY_S)

        if is_in_front(0, os.getpgrp()):
            signal.signal(signal.SIGTTIN, signal.SIG_IGN)
            Thread(target=read, daemon=True).start()
        yield

    def is_in_front(terminal: int, group: int) -> bool:
        try:
            return os.tcgetpgrp(terminal) == group
        except OSError:  # no terminal, or none of ours
            return False


@contextmanager
def typed_here(typed: Typed) -> Iterator[None]:
    """At our own terminal, for as long as the block runs."""
    with one_at_a_time(0, os.getpgrp() if sys.platform != "win32" else 0), listening(typed):
        yield
