"""Keys at a terminal come as they are typed, and the terminal is as it was afterwards; nothing else is read."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from clients.terminal import hand_on
from tests.conftest import ROOT

pytestmark = pytest.mark.skipif(shutil.which("setsid") is None, reason="needs setsid of util-linux")

LISTEN = """
import threading
from clients.terminal import typed_here
heard, enough = [], threading.Event()
def typed(key):
    heard.append(key)
    if key == ".":
        enough.set()
with typed_here(typed):
    print("ready", flush=True)
    enough.wait(10)
print("".join(heard), flush=True)
"""


@pytest.mark.parametrize(
    ("chunk", "keys"), [(b"m", "m"), (b"tT", "tT"), (b"\x1b[D", ""), (b"\x1bOS", ""), (b"\xc3\xa4m", "m")]
)
def test_arrows_and_letters_of_other_alphabets_are_no_keys(chunk: bytes, keys: str) -> None:
    heard: list[str] = []
    hand_on(chunk, heard.append)
    assert "".join(heard) == keys


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """What the user sees and types at, and what a program has."""
    ours, theirs = os.openpty()
    yield ours, theirs
    os.close(ours)
    os.close(theirs)


def test_keys_come_without_return_and_the_terminal_is_left_as_it_was(terminal: tuple[int, int]) -> None:
    import termios

    user, program = terminal
    before = termios.tcgetattr(program)
    # A session of its own whose terminal it is, as a shell would start it.
    command = ["setsid", "--ctty", "--wait", sys.executable, "-c", LISTEN]
    with subprocess.Popen(command, cwd=ROOT, stdin=program, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        assert not termios.tcgetattr(program)[3] & (termios.ECHO | termios.ICANON)
        os.write(user, b"m")
        os.write(user, b"T.")
        assert process.stdout.readline() == "mT.\n"
    assert termios.tcgetattr(program) == before


def test_a_terminal_that_a_child_left_wild_is_as_it_was(terminal: tuple[int, int]) -> None:
    import termios

    before = termios.tcgetattr(terminal[1])
    wild = "import tty\nfrom clients.terminal import left_as_it_was\nwith left_as_it_was(0):\n    tty.setcbreak(0)"
    command = ["setsid", "--ctty", "--wait", sys.executable, "-c", wild]
    subprocess.run(command, cwd=ROOT, stdin=terminal[1], check=True, timeout=30)
    assert termios.tcgetattr(terminal[1]) == before


@pytest.mark.parametrize("stdin", ["a file", "a terminal of others"])
def test_what_is_no_terminal_of_ours_is_left_alone(stdin: str, terminal: tuple[int, int], tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("mmm")
    os.write(terminal[0], b"mmm\n")
    with (tmp_path / "keys").open() as file:
        done = subprocess.run(
            [sys.executable, "-c", LISTEN.replace("wait(10)", "wait(0.2)")],
            cwd=ROOT,
            stdin=file if stdin == "a file" else terminal[1],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
    assert done.stdout == "ready\n\n"
