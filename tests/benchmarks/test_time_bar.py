"""The bar of a measurement is for someone who looks at it."""

import io
import sys
import threading

import pytest

from benchmarks import time_bar


class Screen(io.StringIO):
    def __init__(self, *, is_terminal: bool) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


def test_a_terminal_sees_the_bar_and_its_thread_leaves_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen(is_terminal=True)
    monkeypatch.setattr(sys, "stderr", screen)
    with time_bar.time_bar(2.0, "measuring"):
        assert "progress" in {thread.name for thread in threading.enumerate()}
    assert "measuring" in screen.getvalue()
    assert "progress" not in {thread.name for thread in threading.enumerate()}


def test_a_file_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen(is_terminal=False)
    monkeypatch.setattr(sys, "stderr", screen)
    with time_bar.time_bar(2.0, "measuring"):
        assert "progress" not in {thread.name for thread in threading.enumerate()}
    assert screen.getvalue() == ""
