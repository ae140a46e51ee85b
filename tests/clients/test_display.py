"""The line at the foot of the terminal says what there is to know, and is drawn only where there is a terminal."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from clients.display import Display, State, display

PLAYING = State(
    is_connected=True,
    mode="duet",
    bpm=120.0,
    place="bar 3.2",
    is_silent=False,
    wishes="density 0.5",
    notes=212,
    late_ms=0.44,
    waits_for="",
)


@pytest.mark.parametrize(
    ("state", "line"),
    [
        (PLAYING, "duet · 120 bpm, bar 3.2 · density 0.5 · 212 notes, late by 0.4 ms (p95) · ? for keys"),
        (replace(PLAYING, waits_for="move a knob"), "move a knob"),
        (replace(PLAYING, is_connected=False, place="", is_silent=True), "no server · duet, silent · 120 bpm, waiting"),
    ],
)
def test_a_line_says_what_there_is_to_know(state: State, line: str) -> None:
    assert str(state).startswith(line)


class Screen:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def update(self, text: Any, refresh: bool) -> None:
        self.lines.append(str(text))


async def test_it_is_drawn_anew_only_when_it_says_something_new(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clients.display.EVERY_S", 0)
    screen, states = Screen(), iter([PLAYING, PLAYING, replace(PLAYING, notes=213)])
    with suppress(RuntimeError):  # there are no more
        await asyncio.wait_for(Display(screen).show(lambda: next(states)), 5)
    assert [line.split(" · ")[3].split(",")[0] for line in screen.lines] == ["212 notes", "213 notes"]


def test_where_there_is_no_terminal_there_is_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    async def a_moment(screen: Display) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(screen.show(lambda: PLAYING), 0.01)

    with display() as screen:
        asyncio.run(a_moment(screen))
    assert capsys.readouterr().err == ""
